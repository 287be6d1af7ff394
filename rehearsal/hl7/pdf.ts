/** A small but well-formed PDF, as laboratories embed it in OBX-5 (data type ED, base64). */
import type { Random } from './random.ts';

export function pdfBase64(random: Random, title: string): string {
  const lines = Array.from(
    { length: random.integer(20, 400) },
    (_, index) => `(Line ${index} ${random.integer(0, 1e9)}) Tj T*`,
  );
  const content = `BT /F1 10 Tf 12 TL 40 780 Td (${title}) Tj T* ${lines.join('\n')} ET`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let text = '%PDF-1.4\n';
  const offsets: number[] = [];
  objects.forEach((body, index) => {
    offsets.push(text.length);
    text += `${index + 1} 0 obj\n${body}\nendobj\n`;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const crossReference = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}`;
  const trailer = `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
  return Buffer.from(text + crossReference + trailer, 'latin1').toString('base64');
}
