INSERT INTO campaign_run
    (id, key, name, run_key, token, channel, provider, purpose, state, rows_read, digest, campaign, content, options,
     source_sha256, created_at)
VALUES
    (1, 'a/1', 'a', '1', 'tokentok', 'sms', 'bird', 'marketing', 'handed_over', 1, 'd', '{}', '{}', '{}',
     's', '2026-01-05 12:00:00');
INSERT INTO chunk (id, run_id, state, size, handled, attempts) VALUES (1, 1, 'done', 1, 1, 1);
INSERT INTO message
    (id, run_id, reference, row_number, address, status, provider, chunk_id, attempts, status_at)
VALUES
    (1, 1, 'tokentok-2', 2, '+12125550101', 'accepted', 'bird', 1, 1, '2026-01-05 12:00:00');
INSERT INTO suppression (id, channel, address, scope, reason, source, effective_at)
VALUES (1, 'sms', '+12125550101', 'all', 'opted_out', 'file', '2026-01-05 12:00:00');
INSERT INTO provider_event (id, provider, kind, dedupe_key, payload, received_at)
VALUES (1, 'bird', 'delivery', 'x', '{"a": 1}', '2026-01-05 12:00:00');
INSERT INTO reply (id, provider, address, text, received_at, message_id)
VALUES (1, 'bird', '+12125550101', 'Thanks', '2026-01-05 12:00:00', 1)
