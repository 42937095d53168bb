DROP TABLE kpi;
ALTER TABLE cases DROP COLUMN sla_by, DROP COLUMN only_answer;
