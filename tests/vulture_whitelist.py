"""Names that frameworks call, so that vulture does not take them for dead code: read by it alone, never run."""

# ruff: noqa: B018, F821
# http.server
_.do_GET
_.do_POST
_.handle_error
_.log_message
# joserfc
_.get_alg
_.get_op_key
# asyncssh
_.begin_auth
_.password_auth_supported
_.validate_password
# io and fsspec
_.seekable
_.writable
# Great Expectations registers these by their base classes
_IdNumberChecksum
_CreditCodeChecksum
_PhoneNumber
_RegionCode
_DateOrder
_._pandas
_._prescriptive_renderer
ExpectIdNumberChecksum
ExpectCreditCodeChecksum
ExpectPhoneNumber
ExpectRegionCode
ExpectDateOrder
# Alembic
downgrade
# pytest
pytest_collection_finish
pytest_collectstart
pytest_collection_modifyitems
# Uvicorn
send_400_response
