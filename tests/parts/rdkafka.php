<?php
// Stands in for PHP's extension rdkafka where it is not installed (php -d auto_prepend_file=…): it reads messages from
// the file RDKAFKA_IN, `topic TAB value` a line, and writes what is produced to RDKAFKA_OUT. No Kafka, no groups. With
// RDKAFKA_AWAY nothing is taken, with RDKAFKA_WAITS_FOR only once there is that file, with RDKAFKA_COMMIT_FAILS no commit.

namespace {
    const RD_KAFKA_PARTITION_UA = -1;
    const RD_KAFKA_RESP_ERR_NO_ERROR = 0;
    const RD_KAFKA_RESP_ERR__TIMED_OUT = -185;
    const RD_KAFKA_RESP_ERR__PARTITION_EOF = -191;
    const RD_KAFKA_RESP_ERR__MSG_TIMED_OUT = -192;

    function rd_kafka_err2str(int $error): string
    {
        return "error $error";
    }
}

namespace RdKafka {
    class Exception extends \Exception
    {
    }

    class Conf
    {
        public array $values = [];
        public $delivered = null;

        public function set(string $name, string $value): void
        {
            $this->values[$name] = $value;
        }

        public function setDrMsgCb(callable $delivered): void
        {
            $this->delivered = $delivered;
        }
    }

    class Message
    {
        public int $partition = 0;

        public function __construct(
            public int $err,
            public string $topic_name,
            public ?string $payload,
            public int $offset,
        ) {
        }

        public function errstr(): string
        {
            return \rd_kafka_err2str($this->err);
        }
    }

    class KafkaConsumer
    {
        private array $lines;
        private int $next = 0;

        public function __construct(private Conf $configuration)
        {
            $this->lines = file(getenv('RDKAFKA_IN'), FILE_IGNORE_NEW_LINES);
        }

        public function subscribe(array $topics): void
        {
            echo 'subscribed ', implode(' ', $topics), "\n";
        }

        public function consume(int $timeout): Message
        {
            if ($this->next === count($this->lines)) {
                exit(0);
            }
            [$topic, $value] = explode("\t", $this->lines[$this->next]);
            return new Message(0, $topic, $value, $this->next++);
        }

        public function commit(Message $message): void
        {
            if (getenv('RDKAFKA_COMMIT_FAILS')) {
                throw new Exception('rebalancing');
            }
            echo "committed {$message->offset}\n";
        }
    }

    class Producer
    {
        public array $waiting = [];

        public function __construct(private Conf $configuration)
        {
        }

        public function newTopic(string $name): ProducerTopic
        {
            return new ProducerTopic($this, $name);
        }

        public function flush(int $timeout): int
        {
            while (getenv('RDKAFKA_WAITS_FOR') && !file_exists(getenv('RDKAFKA_WAITS_FOR'))) {
                usleep(10_000);
                clearstatcache();
            }
            foreach ($this->waiting as $message) {
                $error = getenv('RDKAFKA_AWAY') ? \RD_KAFKA_RESP_ERR__MSG_TIMED_OUT : 0;
                if ($error === 0) {
                    file_put_contents(getenv('RDKAFKA_OUT'), json_encode($message) . "\n", FILE_APPEND);
                }
                ($this->configuration->delivered)($this, new Message($error, $message['topic'], null, 0));
            }
            $this->waiting = [];
            return 0;
        }
    }

    class ProducerTopic
    {
        public function __construct(private Producer $producer, private string $name)
        {
        }

        public function producev(int $partition, int $flags, string $value, string $key, array $headers): void
        {
            $this->producer->waiting[] = ['topic' => $this->name] + compact('value', 'key', 'headers');
        }
    }
}
