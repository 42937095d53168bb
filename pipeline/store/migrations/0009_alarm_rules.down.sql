-- Forgets the alarms of rules, maintenance and commands.
DROP TABLE device_command, maintenance, alarm_group, rule_alarm, device_watch;
