// What the rest of the app calls the shapes of the local API. The shapes themselves are generated.
export type {
  CardLinks,
  Contact,
  Conversation,
  Frame,
  Member,
  Message,
  MessageDetail,
  MessagePage,
  MessageState,
  Peer,
  Problem,
  Recipient,
  Session,
  StateChange,
  Status,
} from "./types.gen";
