-- Takes the spine away again, with all it holds.
DROP TABLE outbox, relay_state, event_position, event_sequence, event, dead_letter, thread_link, thread_id, blob_ref, raw_message,
    message, activity, case_participant, cases, identity, contact, account_domain, account, intake_count, ledger_gap,
    offset_ledger;
DROP SEQUENCE case_number;
