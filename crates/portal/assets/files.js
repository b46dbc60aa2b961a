// <input type="file" data-into="#id"> writes a text file into a field, for
// pages whose forms send texts. Without script the text is pasted.

for (const input of document.querySelectorAll("input[type=file][data-into]")) {
  const place = input.closest("[hidden]");
  if (place) place.hidden = false;
  input.addEventListener("change", async () => {
    const file = input.files?.[0];
    const field = document.querySelector(input.dataset.into);
    if (!file || !field) return;
    // No certificate is as large; what is no text would not be one.
    field.value = file.size > 100_000 ? "" : await file.text();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
