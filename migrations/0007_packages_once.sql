-- Key packages for one use: to which peer each was given, so that one who asks again is given the same, and which of
-- others' were used, so that the same one that is given again is not used again (docs/PROTOCOL.md §2.5, §6.12).

ALTER TABLE key_package ADD COLUMN given_to BLOB;
CREATE INDEX key_package_given ON key_package (given_to) WHERE given_to IS NOT NULL;

ALTER TABLE fetched_package ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
