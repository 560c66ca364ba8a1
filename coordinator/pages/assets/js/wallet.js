// Signing in, or linking, by a wallet of the browser: asks it for an address, the server for the
// message, and the wallet for its signature, and sends the form that stands there for it. The form
// is shown only where there is a wallet.

for (const form of document.querySelectorAll("form[data-wallet]")) {
  const wallet = window.ethereum;
  if (!wallet) continue;
  form.hidden = false;
  const said = form.querySelector("[data-said]");
  form.addEventListener("submit", async (event) => {
    if (form.elements.signature.value) return;
    event.preventDefault();
    try {
      const [address] = await wallet.request({ method: "eth_requestAccounts" });
      const query = new URLSearchParams({ address, domain: location.host });
      const answer = await fetch(`/api/auth/siwe/nonce?${query}`);
      const { message, detail } = await answer.json();
      if (!answer.ok) throw new Error(detail);
      const bytes = new TextEncoder().encode(message);
      const hex = `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
      const signature = await wallet.request({ method: "personal_sign", params: [hex, address] });
      form.elements.message.value = message;
      form.elements.signature.value = signature;
      form.requestSubmit();
    } catch (error) {
      said.textContent = error.message;
    }
  });
}
