// A web server in Node that says which requests are for a listed host.   node web_program.js PORT LISTED [lenient]
const http = require('http')
const [port, listed, kind] = process.argv.slice(2)

function isListed (request) {
  const values = request.rawHeaders.filter((_, at) => at % 2 === 1 && request.rawHeaders[at - 1].toLowerCase() === 'host')
  const hosts = values.map(value => value.trim().toLowerCase())
  const url = request.url.toLowerCase()
  hosts.push(request.method === 'CONNECT' ? url : (/^[^:/?#]+:\/\/([^/?#]*)/.exec(url) || ['', ''])[1])
  return hosts.map(host => host.split('@').pop().split(':')[0].replace(/\.$/, ''))
    .some(host => host === listed || host.endsWith('.' + listed))
}

function answer (request, response) {
  response.end(isListed(request) ? '=served=' : 'other')
}

const server = http.createServer({ insecureHTTPParser: kind === 'lenient', requireHostHeader: false }, answer)
server.on('connect', (request, socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n' + (isListed(request) ? '=served=' : 'other')))
server.listen(Number(port), '127.0.0.1', 1024)
