INSERT INTO sync_point (name, read_until) VALUES ('octopush 5d41402a opt-outs', '2026-01-05 10:00:00');
INSERT INTO rate_limit (name, next_at) VALUES ('octopush 5d41402a', 1767614400.25);
INSERT INTO campaign_run
    (id, key, name, run_key, token, channel, provider, purpose, state, rows_read, digest, campaign, content, options,
     source_sha256, created_at, owner, lease_until)
VALUES
    (1, 'spring/1', 'spring', '1', 'tokentok', 'sms', 'octopush', 'marketing', 'sending', 7, 'd', '{"name": "spring"}',
     '{"channel": "sms", "text": "Hi"}', '{}', 's', '2026-01-05 11:00:00', 'gone-1:77:ab12', '2026-01-05 12:01:00');
INSERT INTO campaign_run
    (id, key, name, run_key, token, channel, provider, purpose, state, rows_read, digest, campaign, content, options,
     source_sha256, created_at, finished_at)
VALUES
    (2, 'winter/1', 'winter', '1', 'oldtoken', 'email', 'dripcel', 'transactional', 'finished', 1, 'd', '{}', '{}',
     '{}', 's', '2026-01-01 11:00:00', '2026-01-02 11:00:00');
INSERT INTO campaign_run
    (id, key, name, run_key, token, channel, provider, purpose, state, rows_read, digest, campaign, content, options,
     source_sha256, created_at, control, control_by, control_at)
VALUES
    (3, 'summer/1', 'summer', '1', 'thirdtok', 'sms', 'bird', 'marketing', 'stopped', 0, 'd', '{}', '{}', '{}', 's',
     '2026-01-04 11:00:00', 'pause', 'ann', '2026-01-04 11:30:00');
INSERT INTO campaign_run
    (id, key, name, run_key, token, channel, provider, purpose, state, rows_read, digest, campaign, content, options,
     source_sha256, created_at, error, waits_until)
VALUES
    (4, 'autumn/1', 'autumn', '1', 'fourthtk', 'sms', 'bird', 'marketing', 'stopped', 0, 'd', '{}', '{}', '{}', 's',
     '2026-01-04 11:00:00', '2 messages are held', '2026-01-05 13:00:00');
INSERT INTO sending_window (id, run_id, country, zones, held_because)
VALUES (2, 4, '', '', 'no time zone is known');
INSERT INTO sending_window (id, run_id, country, zones, not_before, not_after)
VALUES (1, 1, 'US', 'America/New_York', '2026-01-05 13:00:00', '2126-01-06 02:00:00');
INSERT INTO chunk (id, run_id, state, size, provider, handled, attempts, provider_ticket)
VALUES (1, 1, 'done', 2, 'octopush', 2, 1, 'sms_1');
INSERT INTO chunk (id, run_id, state, size, provider, fallbacks, handled, attempts, claimed_by, claimed_at, lease_until)
VALUES (2, 1, 'claimed', 2, 'octopush', 'bird,dripcel', 1, 1, 'gone-1:77:ab12', '2026-01-05 12:00:00', '2026-01-05 12:01:00');
INSERT INTO chunk (id, run_id, state, size, provider, handled, attempts) VALUES (3, 1, 'planned', 1, 'octopush', 0, 0);
INSERT INTO chunk (id, run_id, state, size, provider, handled, attempts) VALUES (4, 2, 'done', 1, 'dripcel', 1, 1);
INSERT INTO provider_request
    (id, run_id, chunk_id, provider, reference, state, size, ticket, accepted_count, total_cost, residual_credit, parts,
     started_at, finished_at)
VALUES
    (1, 1, 1, 'octopush', 'tokentok-2-1', 'accepted', 2, 'sms_1', 1, 0.0525, 99.5, 1, '2026-01-05 11:59:00',
     '2026-01-05 12:00:00');
INSERT INTO provider_request (id, run_id, chunk_id, provider, reference, state, size, started_at)
VALUES (2, 1, 2, 'octopush', 'tokentok-4-1', 'open', 1, '2026-01-05 12:00:00');
INSERT INTO message
    (id, run_id, reference, row_number, address, country, status, provider, provider_message_id, external_code, parts,
     cost, chunk_id, request_id, attempts, variables, status_at, claimed_at, next_poll_at, unknown_word)
VALUES
    (1, 1, 'tokentok-2', 2, '+12125550101', 'US', 'accepted', 'octopush', 'sms_1', 'A-1', 1, 0.0525, 1, 1, 1,
     '{"first_name": "Zoë"}', '2026-01-05 12:00:00', '2026-01-05 11:59:00', '2026-01-05 13:00:00', 'ODD');
INSERT INTO message
    (id, run_id, reference, row_number, address, country, status, reason, raw_status, provider, parts, chunk_id,
     request_id, attempts, status_at, claimed_at)
VALUES
    (2, 1, 'tokentok-3', 3, '+12125550102', 'US', 'rejected', 'bad_destination', 'BAD_DESTINATION', 'octopush', 1, 1, 1,
     1, '2026-01-05 12:00:00', '2026-01-05 11:59:00');
INSERT INTO message
    (id, run_id, reference, row_number, address, country, status, provider, parts, chunk_id, request_id, attempts,
     status_at, claimed_at)
VALUES
    (3, 1, 'tokentok-4', 4, '+12125550103', 'US', 'sending', 'octopush', 1, 2, 2, 1, '2026-01-05 12:00:00',
     '2026-01-05 12:00:00');
INSERT INTO message
    (id, run_id, reference, row_number, address, country, status, reason, provider, parts, chunk_id, attempts, status_at,
     claimed_at)
VALUES
    (4, 1, 'tokentok-5', 5, '+12125550104', 'US', 'unknown', 'no_answer', 'octopush', 1, 2, 1, '2026-01-05 12:00:00',
     '2026-01-05 11:58:00');
INSERT INTO message
    (id, run_id, reference, row_number, address, country, status, provider, parts, chunk_id, window_id, attempts,
     variables, status_at)
VALUES
    (5, 1, 'tokentok-6', 6, '+12125550105', 'US', 'planned', 'octopush', 1, 3, 1, 0, '{"first_name": "Bo"}',
     '2026-01-05 11:00:00');
INSERT INTO message (id, run_id, reference, row_number, address, status, provider, chunk_id, attempts, status_at,
     claimed_at)
VALUES
    (6, 2, 'oldtoken-2', 2, 'ann@example.com', 'unconfirmed', 'dripcel', 4, 1, '2026-01-02 11:00:00',
     '2026-01-01 11:00:00');
INSERT INTO exclusion (id, run_id, row_number, address, reason, detail) VALUES (1, 1, 7, '12', 'invalid_address', '');
INSERT INTO exclusion (id, run_id, row_number, address, reason, detail)
VALUES (2, 1, 8, '+12125550101', 'duplicate', 'row 2');
INSERT INTO contact
    (id, external_code, phone, email, first_name, country, enabled, fields, created_at, updated_at)
VALUES
    (1, 'A-1', '+12125550101', 'ann@example.com', 'Zoë', 'US', true, '{"city": "Paris"}', '2026-01-01 09:00:00',
     '2026-01-01 09:00:00');
INSERT INTO contact (id, phone, enabled, fields, created_at, updated_at)
VALUES (2, '+12125550109', false, '{}', '2026-01-01 09:00:00', '2026-01-01 09:00:00');
INSERT INTO suppression (id, channel, address, scope, reason, source, effective_at)
VALUES (1, 'sms', '+12125550101', 'all', 'opted_out', 'file', '2026-01-05 12:00:00');
INSERT INTO suppression (id, channel, address, scope, reason, source, effective_at)
VALUES (2, 'email', 'bo@example.com', 'marketing', 'opted_out', 'a person', '2026-01-05 12:00:00');
INSERT INTO suppression
    (id, channel, address, scope, reason, source, effective_at, lifted_at, lifted_source)
VALUES
    (3, 'sms', '+12125550108', 'all', 'opted_out', 'octopush: callback', '2026-01-03 12:00:00', '2026-01-04 12:00:00',
     'octopush: callback');
INSERT INTO provider_event (id, provider, kind, dedupe_key, payload, received_at, next_try_at)
VALUES (1, 'octopush', 'delivery', 'octopush:x', '{"a": 1}', '2026-01-05 12:00:00', '2026-01-05 13:00:00');
INSERT INTO provider_event (id, provider, kind, dedupe_key, payload, received_at, processed_at, error)
VALUES (2, 'octopush', 'delivery', 'octopush:y', '{"raw": "?"}', '2026-01-05 12:00:00', '2026-01-05 12:00:01', 'no JSON');
INSERT INTO reply (id, provider, address, text, received_at, message_id, dedupe_key)
VALUES (1, 'octopush', '+12125550101', 'Thanks', '2026-01-05 12:00:00', 1, 'octopush:r1');
INSERT INTO erasure (id, erased_at, people) VALUES (1, '2026-01-05 12:00:00', 1);
INSERT INTO rerouting (id, run_id, from_provider, to_provider, messages, why, at)
VALUES (1, 1, 'octopush', 'bird', 1, 'no credit is left', '2026-01-05 12:00:00')
