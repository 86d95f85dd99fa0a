# name port so cache storedir
mkdir -p $1/logs
cat > $1/nginx.conf <<C
daemon on; pid /tmp/hs/b/$1/nginx.pid; error_log /tmp/hs/b/$1/error.log;
user root;
$( [ -n "$3" ] && echo "load_module $3;" )
worker_processes 1; worker_cpu_affinity 01;
events { worker_connections 1024; }
$( [ -n "$3" ] && echo "acm { store $5; master_key /tmp/hs/b/acm.key; cache $4; }" )
http { access_log off; keepalive_timeout 0; ssl_protocols TLSv1.2 TLSv1.3;
server { listen 127.0.0.1:$2 ssl;
$( if [ -n "$3" ]; then echo "acm_certificate sni fallback=reject;"; else echo "server_name n0000000.example.com; ssl_certificate $6/0.crt; ssl_certificate_key $6/0.key;"; fi )
}
$( [ -n "$3" ] && echo "server { listen 127.0.0.1:1$2; location / { acm_status; } }" )
}
C
