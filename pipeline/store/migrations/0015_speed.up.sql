-- What intake asks stays a look-up however much there is.

-- What people of ours did on a case that a storm was folded into, among thousands of mails.
CREATE INDEX activity_of_ours ON activity (case_id, at)
    WHERE direction = 'out' OR kind IN ('note', 'task', 'resolution', 'appointment');
