// What a test of a page imports: `import { openPage, startHub } from './support/portal.mjs'`.
export { allowTrouble, openPage, sessionCookie, troubles } from './browser.mjs';
export { Message, connectDevice, identityString, sendAll } from './devices.mjs';
export { forge } from './forgery.mjs';
export * from './hostile.mjs';
export { Hub, startHub } from './hub.mjs';
export * from './keyboard.mjs';
export { assertAccessible, assertFits, checkLooks, screenshot } from './looks.mjs';
export { everyPage, pages, writingForms } from './pages.mjs';
export { portalLink, signIn, signInWith } from './sessions.mjs';
export { eventually, nextEvent, within } from '../../node/support/waiting.js';
