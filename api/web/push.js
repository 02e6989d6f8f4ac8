// Notifications on this device, by the browser's own push service (Web Push), without another app.

import { get, Problem } from "./client.js";

/** Whether this browser can be told while the app is closed; on an iPhone only once the app is installed. */
export const canPush = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

/** Ask the user, and the browser's push service; return the words of a new channel. Throws `Problem`. */
export async function subscribe() {
  const { key } = await get("/notices/push-key");
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Problem("This browser may not show notifications: allow them for this page in its settings, then try again.", { status: 1, code: "unknown" });
  }
  const worker = await navigator.serviceWorker.ready;
  try {
    const found = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
    return { kind: "push", subscription: found.toJSON() };
  } catch {
    throw new Problem("This browser's push service did not answer: try again in a minute, or choose another way below.", { status: 1, code: "unknown" });
  }
}

/** End this browser's subscription: the next user must not see the notifications of the one who leaves. */
export async function unsubscribe() {
  if (!canPush()) return;
  const worker = await navigator.serviceWorker.getRegistration("/app");
  await (await worker?.pushManager.getSubscription())?.unsubscribe();
}

/** Base64url to bytes, as the browser wants the server's key. */
function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}
