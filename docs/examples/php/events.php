<?php
// What a store says to Orderbridge, as JSON. Needs nothing but PHP 8.1.

declare(strict_types=1);

/** @param list<array{sku: string, quantity: int}> $lines none: all that remains of the order is in the package */
function order_shipped(string $order_id, string $package_id, string $carrier, string $number, array $lines = []): string
{
    $event = [
        'order_id' => $order_id,
        'package_id' => $package_id,
        'carrier' => $carrier,
        'tracking_number' => $number,
    ];
    return to_json($lines === [] ? $event : $event + ['lines' => $lines]);
}

function store_options(string $account_id): string
{
    return to_json([
        'account_id' => $account_id,
        'statuses' => [
            ['id' => '1', 'name' => 'New', 'kind' => 'new'],
            ['id' => '4', 'name' => 'Shipped', 'kind' => 'shipped'],
        ],
        'payment_types' => [['id' => '14', 'name' => 'Amazon', 'kind' => 'online']],
        'shipping_methods' => [['id' => '3', 'name' => 'Priority']],
    ]);
}

function open_request(string $order_id, string $seal, string $purpose): string
{
    return to_json(['purpose' => $purpose, 'seals' => [['order_id' => $order_id, 'seal' => $seal]]]);
}

/** The headers of CloudEvents 1.0 in Kafka's binary mode. */
function cloud_event(string $type, string $id, string $time): array
{
    return [
        'ce_specversion' => '1.0',
        'ce_id' => $id,
        'ce_source' => 'my-store',
        'ce_type' => $type,
        'ce_time' => $time,
        'content-type' => 'application/json',
    ];
}

function to_json(array $value): string
{
    return json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
}
