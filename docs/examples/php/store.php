<?php
// A small store in PHP 8.1 with php-rdkafka: one program for each way through the contract (docs/your-store.md).
//
//     php store.php read                                        until Ctrl-C
//     php store.php ship ORDER_ID PACKAGE_ID CARRIER TRACKING
//     php store.php options ACCOUNT_ID
//     php store.php open ORDER_ID PURPOSE
//
// It is told by ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS, ORDERBRIDGE_TOPIC_PREFIX, ORDERBRIDGE_API_URL,
// ORDERBRIDGE_API_TOKEN and STORE_FOLDER. JSON files in that folder stand for your database: the orders, the answers, and
// one for each shipment, so that of two `ship` neither overwrites the other's. Run one `read` at a time.

declare(strict_types=1);
require __DIR__ . '/events.php';

// Otherwise what cannot be written is a warning, and an event that was not kept is committed.
set_error_handler(fn ($level, $text, $file, $line) => throw new ErrorException($text, 0, $level, $file, $line), E_WARNING | E_NOTICE);

const TOPICS = ['order.imported', 'order.updated', 'order.redacted', 'shipment.confirmed', 'shipment.rejected'];

function setting(string $name, string $default): string
{
    return getenv($name) ?: $default;
}

function configuration(array $more = []): RdKafka\Conf
{
    $configuration = new RdKafka\Conf();
    $servers = setting('ORDERBRIDGE_KAFKA_BOOTSTRAP_SERVERS', '127.0.0.1:9092');
    foreach (['bootstrap.servers' => $servers] + $more as $name => $value) {
        $configuration->set($name, $value);
    }
    return $configuration;
}

function path(string $table): string
{
    return setting('STORE_FOLDER', '.') . "/$table.json";
}

function load(string $table): array
{
    return is_file(path($table)) ? json_decode(file_get_contents(path($table)), true, 512, JSON_THROW_ON_ERROR) : [];
}

function save(string $table, array $rows): void
{
    $new = path($table) . '.' . getmypid() . '.new';
    $json = to_json($rows);
    if (file_put_contents($new, $json) !== strlen($json)) {
        throw new RuntimeException("$new was not written whole.");
    }
    rename($new, path($table));
}

/** What `keep` needs is there. What is no event of the bridge's is passed over, for it would come again and again. */
function is_event(string $type, mixed $event): bool
{
    if (!str_starts_with($type, 'order.')) {
        return is_string($event['caused_by'] ?? null);
    }
    return is_string($event['order_id'] ?? null) && is_int($event['sequence'] ?? null)
        && isset($event['amazon_status'], $event['personal_data']['state']);
}

/** Returns only when the event is kept: it is committed after that, so that after a crash the last one comes again. */
function keep(string $type, array $event): string
{
    if (str_starts_with($type, 'order.')) {
        // INSERT … ON CONFLICT (order_id) DO UPDATE … WHERE excluded.sequence > orders.sequence
        $orders = load('orders');
        if (($orders[$event['order_id']]['sequence'] ?? -1) >= $event['sequence']) {
            return "older {$event['order_id']}";
        }
        save('orders', [$event['order_id'] => $event] + $orders);
        return "order {$event['order_id']} {$event['amazon_status']} {$event['personal_data']['state']}";
    }
    $state = substr($type, strlen('shipment.'));
    $note = $state === 'rejected' ? ($event['message'] ?? '') . ' ' . ($event['what_to_do'] ?? '') : '';
    $answers = load('answers');
    // Rejected, sent again by a person, confirmed: which of the two is read first nobody knows, and confirmed stands.
    if (($answers[$event['caused_by']]['state'] ?? '') !== 'confirmed') {
        save('answers', [$event['caused_by'] => ['state' => $state, 'note' => $note]] + $answers);
    }
    return trim("$state {$event['caused_by']} $note");
}

function read_events(): void
{
    $prefix = setting('ORDERBRIDGE_TOPIC_PREFIX', '');
    $consumer = new RdKafka\KafkaConsumer(configuration([
        'group.id' => "{$prefix}my-store-php",
        'auto.offset.reset' => 'earliest',
        'enable.auto.commit' => 'false',
    ]));
    $consumer->subscribe(array_map(fn ($type) => $prefix . $type, TOPICS));
    while (true) {
        $message = $consumer->consume(1000);
        if ($message->err === RD_KAFKA_RESP_ERR__TIMED_OUT || $message->err === RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            continue;
        }
        if ($message->err !== RD_KAFKA_RESP_ERR_NO_ERROR) {
            fwrite(STDERR, $message->errstr() . "\n"); // Kafka is away, say: librdkafka tries again by itself
            continue;
        }
        $event = json_decode($message->payload ?? '', true);
        $type = substr($message->topic_name, strlen($prefix));
        if (is_event($type, $event)) {
            echo keep($type, $event), "\n";
        } else {
            fwrite(STDERR, "passed over {$message->topic_name}/{$message->partition}/{$message->offset}: no event\n");
        }
        try {
            $consumer->commit($message);
        } catch (RdKafka\Exception $error) { // its partition is another's now, say: it comes again, which does no harm
            fwrite(STDERR, "not committed: {$error->getMessage()}\n");
        }
    }
}

/** Returns when Kafka has the event, and throws when it does not say so within ten seconds. */
function send(string $type, string $key, string $id, string $time, string $value): void
{
    $refused = 'no answer';
    $configuration = configuration(['acks' => 'all', 'message.timeout.ms' => '10000']);
    $configuration->setDrMsgCb(function ($producer, $message) use (&$refused): void {
        $refused = $message->err === RD_KAFKA_RESP_ERR_NO_ERROR ? null : rd_kafka_err2str($message->err);
    });
    $producer = new RdKafka\Producer($configuration);
    $topic = $producer->newTopic(setting('ORDERBRIDGE_TOPIC_PREFIX', '') . $type);
    $topic->producev(RD_KAFKA_PARTITION_UA, 0, $value, $key, cloud_event($type, $id, $time));
    $producer->flush(15000);
    if ($refused !== null) {
        throw new RuntimeException("Kafka has not taken $type $id: $refused. The next `ship` sends it again.");
    }
}

/** Written down first, then sent; what was not taken before is sent again, with the same id, time and bytes. */
function ship(string $order_id, string $package_id, string $carrier, string $number): void
{
    $id = bin2hex(random_bytes(16));
    save("said-$id", [
        'id' => $id,
        'order_id' => $order_id,
        'time' => (new DateTimeImmutable('now', new DateTimeZone('UTC')))->format('Y-m-d\TH:i:s.u\Z'),
        'value' => order_shipped($order_id, $package_id, $carrier, $number),
        'sent' => false,
    ]);
    $said = array_map(fn ($path) => load(basename($path, '.json')), glob(path('said-*')));
    usort($said, fn ($one, $other) => $one['time'] <=> $other['time']);
    foreach ($said as $one) {
        if (!$one['sent']) {
            send('order.shipped', $one['order_id'], $one['id'], $one['time'], $one['value']);
            save("said-{$one['id']}", ['sent' => true] + $one);
            echo $one['id'], "\n";
        }
    }
}

function options(string $account_id): void
{
    $id = bin2hex(random_bytes(16));
    send('store.options', $account_id, $id, gmdate('Y-m-d\TH:i:s\Z'), store_options($account_id));
}

/** Shows the buyer of an order, and keeps nothing of it. */
function open_order(string $order_id, string $purpose): void
{
    $personal_data = load('orders')[$order_id]['personal_data']
        ?? throw new RuntimeException("$order_id is not in the books: `php store.php read` puts it there.");
    if (!isset($personal_data['seal'])) {
        echo to_json($personal_data), "\n"; // placeholder: "Amazon Replaced", or "FBA Orders"
        return;
    }
    $url = setting('ORDERBRIDGE_API_URL', 'http://127.0.0.1:8403') . '/api/v1/personal-data/open';
    $answer = file_get_contents($url, false, stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Authorization: Bearer ' . setting('ORDERBRIDGE_API_TOKEN', ''), 'Content-Type: application/json'],
        'content' => open_request($order_id, $personal_data['seal'], $purpose),
    ]]));
    echo to_json(json_decode($answer, true, 512, JSON_THROW_ON_ERROR)['seals'][0]), "\n";
}

$words = array_slice($argv, 1);
$command = array_shift($words);
$commands = ['read' => ['read_events', 0], 'ship' => ['ship', 4], 'options' => ['options', 1], 'open' => ['open_order', 2]];
[$does, $takes] = $commands[$command] ?? [null, -1];
if ($takes !== count($words)) {
    fwrite(STDERR, "php store.php read | ship ORDER_ID PACKAGE_ID CARRIER TRACKING | options ACCOUNT_ID | open ORDER_ID PURPOSE\n");
    exit(2);
}
try {
    $does(...$words);
} catch (RuntimeException | ErrorException $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(1);
}
