"""What the browser tests run in the page."""

GIVE = """([type, data, name]) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: 'image/png' }));
    const options = { bubbles: true, cancelable: true };
    const event = type === 'paste'
        ? new ClipboardEvent('paste', { ...options, clipboardData: transfer })
        : new DragEvent('drop', { ...options, dataTransfer: transfer });
    document.querySelector('.fx').dispatchEvent(event);
}"""

CAMERA = """() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
    const context = canvas.getContext('2d');
    setInterval(() => { context.fillStyle = '#2a7'; context.fillRect(0, 0, 320, 240); }, 30);
    navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30);
}"""

# presses the right arrow until the last step; [step, what the element says] of each
WALK = """async (selector) => {
    const [stage, count] = ['.fx', '.fx-count'].map((name) => document.querySelector(name)), found = [];
    for (;;) {
        found.push([stage.dataset.step, document.querySelector(selector).innerText]);
        const [at, total] = count.textContent.split(' / ').map(Number);
        if (at === total) return found;
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
        while (stage.dataset.step === found.at(-1)[0]) await new Promise((done) => setTimeout(done, 4));
    }
}"""
