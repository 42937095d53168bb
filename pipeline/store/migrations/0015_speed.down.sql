DROP INDEX activity_of_ours;
