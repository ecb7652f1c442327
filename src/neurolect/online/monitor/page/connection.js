// The WebSocket to the monitor: opens it, and opens it again for as long as the page is there.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 5000;

// on: {message(object), frame(DataView), up(), down()}; signedIn: resolves once the monitor would let us in.
export function connect(on, signedIn) {
  let wait = FIRST_WAIT;

  const again = () => {
    on.down();
    setTimeout(open, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  };

  async function open() {
    try {
      await signedIn();
    } catch {
      again();
      return;
    }
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      wait = FIRST_WAIT;
      on.up();
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") on.message(JSON.parse(data));
      else on.frame(new DataView(data));
    };
    socket.onclose = again;
  }

  open();
}
