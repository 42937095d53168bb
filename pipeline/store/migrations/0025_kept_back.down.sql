-- One reason for each address: what keeps back most.
DELETE FROM suppression AS less USING suppression AS more
WHERE less.address = more.address
    AND array_position(ARRAY['hand', 'bounce', 'unsubscribed'], less.source)
        > array_position(ARRAY['hand', 'bounce', 'unsubscribed'], more.source);
ALTER TABLE suppression DROP CONSTRAINT suppression_pkey, ADD PRIMARY KEY (address);
