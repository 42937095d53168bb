DROP TABLE rule_failure;
DROP TABLE agent_state;
DROP TABLE queue_item;
