-- A copy of a database must not reach the Ministry, and must not hold what could.

-- the private keys of KSeF certificates: core only overwrites their passwords
DELETE FROM ir_attachment
      WHERE res_model = 'certificate.key'
        AND res_field IN ('content', 'pem_key')
        AND res_id IN (
            SELECT certificate.private_key_id
              FROM certificate_certificate certificate
             WHERE certificate.scope IN ('ksef_auth', 'ksef_offline')
                OR certificate.id IN (SELECT l10n_pl_ksef_auth_certificate_id FROM res_company)
                OR certificate.id IN (SELECT l10n_pl_ksef_offline_certificate_id FROM res_company)
            UNION
            SELECT key_id FROM l10n_pl_ksef_enrolment
        );

-- a PKCS#12 file holds the key too
DELETE FROM ir_attachment
      WHERE res_model = 'certificate.certificate'
        AND res_field = 'content'
        AND res_id IN (
            SELECT certificate.id
              FROM certificate_certificate certificate
             WHERE certificate.content_format = 'pkcs12'
               AND (certificate.scope IN ('ksef_auth', 'ksef_offline')
                    OR certificate.id IN (SELECT l10n_pl_ksef_auth_certificate_id FROM res_company)
                    OR certificate.id IN (SELECT l10n_pl_ksef_offline_certificate_id FROM res_company))
        );

UPDATE l10n_pl_ksef_connection
   SET token = NULL,
       access_token = NULL,
       access_valid_until = NULL,
       refresh_token = NULL,
       refresh_valid_until = NULL,
       blocked_until = NULL,
       failures = 0,
       state = 'new';

UPDATE res_company
   SET l10n_pl_ksef_auth_certificate_id = NULL,
       l10n_pl_ksef_offline_certificate_id = NULL;

UPDATE res_company
   SET l10n_pl_ksef_environment = 'simulator'
 WHERE l10n_pl_ksef_environment IS NOT NULL;

UPDATE ir_config_parameter
   SET value = 'http://127.0.0.1:8899'
 WHERE key = 'l10n_pl_ksef.simulator_url';

-- what the original database sends is not for its copy to send
UPDATE l10n_pl_ksef_document
   SET state = 'held',
       error_kind = 'fix',
       error_code = 'neutralized',
       error_text = 'This database is a copy: the original sends this document.',
       lease_until = NULL,
       next_attempt_at = NULL
 WHERE state IN ('queued', 'sending', 'sent');

-- requests for certificates belong to the original; uploaded files and typed passwords too
UPDATE l10n_pl_ksef_enrolment
   SET state = 'cancelled',
       error_text = 'This database is a copy: the original asks for certificates.'
 WHERE state NOT IN ('done', 'cancelled');

DELETE FROM l10n_pl_ksef_connect_wizard;
