curl -i --header 'Content-Type: application/vnd.treasuredata.v1+json' \
--header 'wp13n-token: 1/8/e65d8a9df2094f02b84cd660efff6f27' \
--header 'Authorization: TD1 1/abcdef•••••••••••••••••••••••0123456789' \
-X POST \
-d '{"td_client_id":"202", "some_key":"some other data"}' \
--location https://eu01.p13n.in.treasuredata.com/your_database/pageviews
