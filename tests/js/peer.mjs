// A peer of another implementation (js-libp2p): connects to a node, says what it sees, and publishes what it is told to.
//
// Arguments: the node's address, and the seed of this peer's key in hexadecimal. Lines of JSON come out; each line that
// goes in is a topic and bytes in hexadecimal, to be published there.

import './older-node.mjs'
import { createInterface } from 'node:readline'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const [address, seed] = process.argv.slice(2)
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)
const hex = (bytes) => Buffer.from(bytes).toString('hex')

const peer = await createLibp2p({
  privateKey: await generateKeyPairFromSeed('Ed25519', Buffer.from(seed, 'hex')),
  transports: [tcp(), webSockets()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: {
    identify: identify(),
    ping: ping(),
    // Authors are inside the encryption (PROTOCOL §5.3).
    gossip: gossipsub({ globalSignaturePolicy: 'StrictNoSign', allowPublishToZeroTopicPeers: true }),
  },
})
const { gossip } = peer.services

peer.addEventListener('peer:identify', ({ detail }) => {
  const { agentVersion: agent, protocolVersion: version, protocols, listenAddrs } = detail
  say({ event: 'identified', agent, version, protocols, addresses: listenAddrs.map(String) })
})
// A node tells those whom it knows what it hears. Whatever that is, this peer hears it too.
gossip.addEventListener('subscription-change', ({ detail }) => {
  for (const { topic, subscribe } of detail.subscriptions) {
    if (subscribe) gossip.subscribe(topic)
    say({ event: 'topic', topic, subscribe })
  }
})
gossip.addEventListener('message', ({ detail }) => {
  say({ event: 'message', topic: detail.topic, type: detail.type, bytes: hex(detail.data) })
})
peer.addEventListener('connection:close', () => say({ event: 'closed' }))

await peer.start()
const target = multiaddr(address)
const connection = await peer.dial(target)
say({ event: 'connected', at: String(connection.remoteAddr) })
say({ event: 'ponged', ms: await peer.services.ping.ping(target) })

for await (const line of createInterface({ input: process.stdin })) {
  const [topic, bytes] = line.split(' ')
  const { recipients } = await gossip.publish(topic, Buffer.from(bytes, 'hex'))
  say({ event: 'published', recipients: recipients.length })
}
await peer.stop()
