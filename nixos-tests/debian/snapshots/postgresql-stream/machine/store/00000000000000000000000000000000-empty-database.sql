-- Begins a transaction that takes everything out of the database, so that what
-- is not in the dump (tables of a newer version, say) does not survive it.
-- What belongs to an extension stays.
BEGIN;
SET LOCAL client_min_messages = warning;
-- Rather an error that says so than a restore that waits without end.
SET LOCAL lock_timeout = '60s';

DO $empty$
DECLARE
  commands text[];
  command text;
BEGIN
  SELECT array_agg(format('DROP SCHEMA IF EXISTS %I CASCADE', n.nspname))
  INTO commands
  FROM pg_catalog.pg_namespace n
  WHERE n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', 'public')
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend e
      WHERE e.classid = 'pg_catalog.pg_namespace'::regclass
        AND e.objid = n.oid
        AND e.deptype = 'e'
    );
  FOREACH command IN ARRAY coalesce(commands, '{}') LOOP
    EXECUTE command;
  END LOOP;

  SELECT array_agg(
    format(
      'DROP %s IF EXISTS %s CASCADE',
      CASE o.type
        WHEN 'composite type' THEN 'type'
        WHEN 'statistics object' THEN 'statistics'
        ELSE o.type
      END,
      o.identity
    )
  )
  INTO commands
  FROM pg_catalog.pg_namespace n
  JOIN pg_catalog.pg_depend d
    ON d.refclassid = 'pg_catalog.pg_namespace'::regclass
    AND d.refobjid = n.oid
    AND d.deptype = 'n'
  CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) o
  WHERE n.nspname = 'public'
    AND o.type NOT IN ('extension', 'default acl')
    AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend e
      WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e'
    );
  FOREACH command IN ARRAY coalesce(commands, '{}') LOOP
    EXECUTE command;
  END LOOP;

  -- Or what is created again would get privileges that it did not have.
  SELECT array_agg(
    format(
      'ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %I REVOKE ALL ON %s FROM %s',
      a.defaclrole::regrole,
      n.nspname,
      CASE a.defaclobjtype
        WHEN 'r' THEN 'TABLES'
        WHEN 'S' THEN 'SEQUENCES'
        WHEN 'f' THEN 'FUNCTIONS'
        WHEN 'T' THEN 'TYPES'
      END,
      CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END
    )
  )
  INTO commands
  FROM pg_catalog.pg_default_acl a
  JOIN pg_catalog.pg_namespace n ON n.oid = a.defaclnamespace
  CROSS JOIN LATERAL pg_catalog.aclexplode(a.defaclacl) g
  WHERE a.defaclobjtype IN ('r', 'S', 'f', 'T')
    AND pg_catalog.pg_has_role(a.defaclrole, 'MEMBER');
  FOREACH command IN ARRAY coalesce(commands, '{}') LOOP
    EXECUTE command;
  END LOOP;

  PERFORM pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;
END
$empty$;

-- pg_restore begins its transaction too, which is this one.
SET LOCAL client_min_messages = error;
