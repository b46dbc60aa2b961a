// A checkpoint store in memory that several clients of a process can share.
'use strict';

const { randomUUID } = require('node:crypto');

const groupOf = (item) =>
  [item.fullyQualifiedNamespace, item.eventHubName, item.consumerGroup].join('/').toLowerCase();

class Checkpoints {
  #owned = new Map();

  #reached = new Map();

  async listOwnership(...group) {
    return this.#list(this.#owned, group);
  }

  async listCheckpoints(...group) {
    return this.#list(this.#reached, group);
  }

  /** Grants what nobody else has changed since it was listed. */
  async claimOwnership(claims) {
    const granted = [];
    for (const claim of claims) {
      const key = `${groupOf(claim)}/${claim.partitionId}`;
      const current = this.#owned.get(key);
      if (current && current.etag !== claim.etag) continue;
      const owned = { ...claim, etag: randomUUID(), lastModifiedTimeInMs: Date.now() };
      this.#owned.set(key, owned);
      granted.push({ ...owned });
    }
    return granted;
  }

  async updateCheckpoint(checkpoint) {
    this.#reached.set(`${groupOf(checkpoint)}/${checkpoint.partitionId}`, { ...checkpoint });
  }

  #list(items, [fullyQualifiedNamespace, eventHubName, consumerGroup]) {
    const group = groupOf({ fullyQualifiedNamespace, eventHubName, consumerGroup });
    return [...items.values()].filter((item) => groupOf(item) === group).map((item) => ({ ...item }));
  }
}

module.exports = { Checkpoints };
