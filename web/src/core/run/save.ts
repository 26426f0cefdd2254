/** Saves text as a file of the person who looks at the page. */
export function saveText(parts: readonly string[], name: string): void {
  const address = URL.createObjectURL(new Blob([...parts], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name.replace(/[/\\:*?"<>|\0]/g, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
