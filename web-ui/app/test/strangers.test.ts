// Strangers: what the page keeps of them, who is blocked, and what counts as the same safety number.
import { describe, expect, it, vi } from "vitest";
import type { Client } from "../src/api/client";
import type { Blocked, Contact, StrangerRequest } from "../src/api/types";
import { apply } from "../src/state/apply";
import type { AppEvent } from "../src/state/apply";
import { empty } from "../src/state/model";
import { area, format, opensMain, parse } from "../src/state/routes";
import { createStrangers, isSameNumber } from "../src/state/strangers";
import { conversation, message } from "./make";

const request: StrangerRequest = {
  conversation: "c",
  account: "ann",
  fingerprint: "1".repeat(30),
  name: "<b>Ann</b>",
  at_ms: 1,
  direct: true,
  group_name: "",
  people: 2,
  messages: 3,
  met_in: [],
};
const ann: Blocked = { account: "ann", name: "Ann", at_ms: 1 };
const contact: Contact = {
  contact: "ann",
  name: "Ann",
  added: true,
  card_complete: true,
  safety_number: "12345 ".repeat(12).trim(),
  online: false,
  blocked: false,
};

describe("requests", () => {
  it("are no conversations, and are replaced as a whole", () => {
    const state = apply(empty, { type: "strangers", requests: [request], blocked: [] });
    expect(state.requests).toEqual([request]);
    expect(state.conversations).toBeUndefined();
    expect(apply(state, { type: "strangers", requests: [], blocked: [] }).requests).toEqual([]);
  });

  it("have a place of their own among the chats", () => {
    expect(parse("/requests")).toEqual({ page: "requests" });
    expect(format({ page: "requests" })).toBe("/requests");
    expect(area({ page: "requests" })).toBe("chats");
    expect(opensMain({ page: "requests" })).toBe(true);
  });

  it("are read again once a flood of events pauses, and after a decision", async () => {
    vi.useFakeTimers();
    const told: AppEvent[] = [];
    const requests = vi.fn(() => Promise.resolve([request]));
    const client = {
      requests,
      blocked: () => Promise.resolve([]),
      refuseRequest: () => Promise.resolve(),
    } as unknown as Client;
    const strangers = createStrangers({ client, dispatch: (event) => void told.push(event), noticed: () => undefined });
    for (let waiting = 1; waiting <= 5; waiting += 1) strangers.heard({ id: "a-1", type: "requests", waiting });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(requests).toHaveBeenCalledTimes(1);
    await strangers.refuse("c");
    expect(requests).toHaveBeenCalledTimes(2);
    expect(told.map((it) => it.type)).toEqual(["strangers", "strangers"]);
    vi.useRealTimers();
  });
});

describe("who is blocked", () => {
  it("adds nothing to what is unread", () => {
    const held = apply(empty, { type: "conversation", conversation: conversation() });
    const blocked = apply(held, { type: "strangers", requests: [], blocked: [ann] });
    expect(apply(held, { id: "a-1", type: "message", message: message(1) }).conversations?.c?.unread).toBe(1);
    expect(apply(blocked, { id: "a-1", type: "message", message: message(1) }).conversations?.c?.unread).toBe(0);
  });
});

describe("a safety number", () => {
  it("is the same with and without spaces, and no other text is", () => {
    const digits = "12345".repeat(12);
    expect(isSameNumber(digits, contact.safety_number)).toBe(true);
    expect(isSameNumber(contact.safety_number, contact.safety_number)).toBe(true);
    expect(isSameNumber(`${digits.slice(1)}1`, contact.safety_number)).toBe(false);
    expect(isSameNumber("", "")).toBe(false);
    expect(isSameNumber("tidings://contact/AAAA", contact.safety_number)).toBe(false);
  });

  it("that was compared marks the contact, and the mark can be taken away", async () => {
    const told: AppEvent[] = [];
    const verify = vi.fn(() => Promise.resolve({ contact: "ann", safety_number: "", verified_at_ms: 7 }));
    const client = { verify, unverify: () => Promise.resolve({}) } as unknown as Client;
    const strangers = createStrangers({ client, dispatch: (event) => void told.push(event), noticed: () => undefined });
    await strangers.verify(contact);
    await strangers.unverify({ ...contact, verified_at_ms: 7 });
    expect(verify).toHaveBeenCalledWith("ann", contact.safety_number);
    const marks = told.map((it) => (it.type === "contact" ? it.contact.verified_at_ms : "no contact"));
    expect(marks).toEqual([7, undefined]);
  });
});
