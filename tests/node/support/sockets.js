// Cuts the connections that the SDKs of this process have open; they offer no
// way to lose one. Loaded before the first connection is made.
'use strict';

const { Socket } = require('node:net');

const sockets = new Set();
const connect = Socket.prototype.connect;

Socket.prototype.connect = function connectAndRemember(...args) {
  sockets.add(this);
  this.once('close', () => sockets.delete(this));
  return connect.apply(this, args);
};

/** Cuts all connections to a port of the hub, as if it had reset them, and returns how many they were. */
function cutConnections(port) {
  const cut = [...sockets].filter((socket) => socket.remotePort === port);
  for (const socket of cut) {
    socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  }
  return cut.length;
}

module.exports = { cutConnections };
