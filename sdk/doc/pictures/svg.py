# SPDX-License-Identifier: Apache-2.0
"""What the pictures of the documents are drawn with: SVG that needs nothing else, on a ground of its own, so that it can be read on light
and on dark pages."""
from xml.sax.saxutils import escape

STYLE = """
  .ground { fill: #ffffff; stroke: #d0d7de }
  .text { fill: #1f2328; font: 14px sans-serif }
  .small { fill: #59636e; font: 12px sans-serif }
  .bold { fill: #1f2328; font: bold 14px sans-serif }
  .code { fill: #1f2328; font: 13px monospace }
  .line { stroke: #59636e; fill: none }
  .mark { stroke: #cf222e; fill: none }
  .marktext { fill: #cf222e; font: bold 13px sans-serif }
  .a { fill: #ddf4ff; stroke: #54aeff }
  .b { fill: #dafbe1; stroke: #4ac26b }
  .c { fill: #fff8c5; stroke: #d4a72c }
  .d { fill: #f6f8fa; stroke: #afb8c1 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d }
    .text, .bold, .code { fill: #f0f6fc }
    .small { fill: #9198a1 }
    .line { stroke: #9198a1 }
    .mark { stroke: #f85149 }
    .marktext { fill: #f85149 }
    .a { fill: #0c2d6b; stroke: #388bfd }
    .b { fill: #033a16; stroke: #2ea043 }
    .c { fill: #4b2900; stroke: #bb8009 }
    .d { fill: #151b23; stroke: #656c76 }
  }
"""


class Picture:
    def __init__(self, width, height, title):
        self.width, self.height, self.title, self.parts = width, height, title, []

    def put(self, element, text=None, **attributes):
        said = "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(str(value), {chr(34): "&quot;"})}"' for name, value in attributes.items())
        self.parts.append(f"  <{element}{said}/>" if text is None else f"  <{element}{said}>{escape(text)}</{element}>")

    def box(self, x, y, width, height, kind, *lines):
        self.put("rect", x=x, y=y, width=width, height=height, rx=6, class_=kind)
        top = y + height / 2 - 9 * (len(lines) - 1) + 5
        for i, line in enumerate(lines):
            self.text(x + width / 2, top + 18 * i, line, "bold" if i == 0 else "small", "middle")

    def text(self, x, y, text, kind="text", anchor="start"):
        self.put("text", text, x=x, y=y, class_=kind, text_anchor=anchor)

    def line(self, x1, y1, x2, y2, kind="line", **more):
        self.put("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind, **more)

    def arrow(self, x1, y1, x2, y2, label, kind="line"):
        """A message from left to right or back, falling a little, as time goes on."""
        self.line(x1, y1, x2, y2, kind)
        way = 1 if x2 > x1 else -1
        self.put("path", d=f"M {x2} {y2} l {-10 * way} -7 l 0 10 z", class_=kind, style="fill: currentColor", color="#59636e" if kind == "line" else "#cf222e")
        self.text((x1 + x2) / 2, (y1 + y2) / 2 - 5 - 0.35 * abs(y2 - y1), label, "code", "middle")

    def __str__(self):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}" role="img">\n'
                f"  <title>{escape(self.title)}</title>\n  <style>{STYLE}  </style>\n"
                f'  <rect class="ground" x="0.5" y="0.5" width="{self.width - 1}" height="{self.height - 1}" rx="8"/>\n')
        return head + "\n".join(self.parts) + "\n</svg>\n"
