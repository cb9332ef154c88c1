export BASE_URL="us01.p13n.in.treasuredata.com"
export DATABASE="your_database"
export TABLE="pageviews"
export API_KEY="1234/abcdefghijklmnopqrstuvwxyz"
export ACCOUNT_ID="12345"
export INSTANCE_ID="67890"
export TOKEN="abcdef123456"

curl -X POST "https://${BASE_URL}/${DATABASE}/${TABLE}" \
--header 'Content-Type: application/vnd.treasuredata.v1+json' \
--header "Authorization: TD1 ${API_KEY}" \
--header "WP13n-Token: ${ACCOUNT_ID}/${INSTANCE_ID}/${TOKEN}" \
--data '{
    "td_client_id": "42a508e2-d9b1-4baa-9eb2-6c3fb8bd5e16",
    "td_url": "https://example.com/retail",
    "td_path": "/retail"
}'
