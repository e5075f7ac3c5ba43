// What Node.js 20 lacks and libp2p uses.
import WebSocket from 'ws'

globalThis.WebSocket ??= WebSocket
Promise.withResolvers ??= function () {
  const deferred = {}
  deferred.promise = new this((resolve, reject) => Object.assign(deferred, { resolve, reject }))
  return deferred
}
