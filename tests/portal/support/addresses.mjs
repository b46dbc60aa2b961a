// Loopback addresses for the hubs of these tests.
//
// The SDKs have ports 443, 8883 and 5671 compiled in, so each hub has an address
// of its own, in nets that no other tests of the repository use.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const PORTS = [443, 8883, 5671];
const NETS = { first: 120, last: 139 };

/** An address on which nobody listens on the hub's ports. */
export async function freeAddress() {
  for (let tries = 0; tries < 100; tries += 1) {
    const address = `127.0.${randomInt(NETS.first, NETS.last + 1)}.${randomInt(2, 255)}`;
    if ((await Promise.all(PORTS.map((port) => canListen(address, port)))).every(Boolean)) {
      return address;
    }
  }
  throw new Error(`no address in 127.0.${NETS.first}.0 to 127.0.${NETS.last}.255 has ports ` +
    `${PORTS.join(', ')} free; a hub on 0.0.0.0 would do that`);
}

function canListen(address, port) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => {
      if (error.code !== 'EACCES') resolve(false);
      else reject(new Error(`port ${port} needs root, CAP_NET_BIND_SERVICE or ` +
        '`sysctl net.ipv4.ip_unprivileged_port_start=443`'));
    });
    probe.listen(port, address, () => probe.close(() => resolve(true)));
  });
}
