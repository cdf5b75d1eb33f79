using System.Collections.Immutable;
using System.Globalization;
using System.Security;
using System.Text;

namespace Baton.Flows.Model;

/// <summary>
/// A flow as SVG, without a browser. Layout, from the inside out:
/// <list type="number">
/// <item>A task without tasks inside is a box as wide as its text.</item>
/// <item>A list is a column of its tasks, a layer each. The way to the next task is a straight arrow; a jump ahead runs in a lane
/// of its own to the right of the column, a jump back in one to the left.</item>
/// <item>A block is a frame around its columns, side by side: the parts of a try, the branches of a fork.</item>
/// </list>
/// Nothing overlaps, as each part has the room that it asked for. Colours follow the reader's light or dark scheme.
/// </summary>
internal static class FlowSvg
{
    private const double Letter = 7.2;
    private const double Row = 36;
    private const double Gap = 30;
    private const double Margin = 16;
    private const double Header = 26;
    private const double Lane = 16;

    private const string Style = """
        svg{font:13px ui-sans-serif,system-ui,sans-serif;color:#1f2933;background:#fff}
        text{fill:currentColor}.label,.part{font-size:11px;opacity:.75}.mid{text-anchor:middle}
        rect,circle{fill:#eef2f7;stroke:#7b8794}.frame{fill:none;stroke-dasharray:4 3}.switch{fill:#fff4d6}.wait,.listen{fill:#e3f2ec}.raise{fill:#fde4e4}
        path{fill:none;stroke:#52606d}marker path{fill:#52606d;stroke:none}
        @media(prefers-color-scheme:dark){svg{color:#e4e7eb;background:#12161c}rect,circle{fill:#242c36;stroke:#616e7c}.switch{fill:#3d3420}.wait,.listen{fill:#1e3830}.raise{fill:#452629}path{stroke:#9aa5b1}marker path{fill:#9aa5b1}}
        """;

    public static string Draw(FlowDefinition flow)
    {
        var column = new Column([new Dot(), .. flow.Do.Select(Measure), new Dot()], isWhole: true);
        var (width, height) = (column.Width + (2 * Margin), column.Height + (2 * Margin));
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:0} {height:0}\" width=\"{width:0}\" height=\"{height:0}\" role=\"img\">\n");
        text.Append(CultureInfo.InvariantCulture, $"<title>{Escape(flow.Document.Reference)}</title>\n<style>{Style.ReplaceLineEndings("")}</style>\n");
        text.Append("<defs><marker id=\"to\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M0 0 8 4 0 8z\"/></marker></defs>\n");
        column.Draw(new Pen(text), Margin, Margin);
        return text.Append("</svg>\n").ToString();
    }

    private static Shape Measure(FlowTask task)
    {
        var parts = FlowDiagram.Parts(task).Where(p => p.Tasks.Length > 0).ToList();
        return parts.Count == 0 ? new Box(task) : new Frame(task, parts);
    }

    private static string Escape(string text) => SecurityElement.Escape(text);

    /// <summary>Something that has a size and can be drawn where its parent puts it.</summary>
    private abstract class Shape
    {
        public double Width { get; protected init; }

        public double Height { get; protected init; }

        public FlowTask? Task { get; protected init; }

        public abstract void Draw(Pen pen, double x, double y);
    }

    /// <summary>Where the flow begins and ends.</summary>
    private sealed class Dot : Shape
    {
        public Dot() => (Width, Height) = (20, 20);

        public override void Draw(Pen pen, double x, double y) => pen.Circle(x + 10, y + 10, 9);
    }

    private sealed class Box : Shape
    {
        private readonly string _text;

        public Box(FlowTask task)
        {
            Task = task;
            _text = $"{task.Name}: {FlowDiagram.Summary(task)}";
            Width = Math.Max(80, (_text.Length * Letter) + 24);
            Height = Row;
        }

        public override void Draw(Pen pen, double x, double y)
        {
            pen.Rectangle(x, y, Width, Height, Task is SwitchTask or WaitTask or ListenTask ? 16 : 4, Task!.Kind);
            pen.Text(x + (Width / 2), y + (Height / 2) + 4, _text, "mid");
        }
    }

    private sealed class Frame : Shape
    {
        private readonly string _text;
        private readonly List<(string Label, Shape Content)> _columns = [];

        public Frame(FlowTask task, List<(string Label, ImmutableArray<FlowTask> Tasks, bool IsParallel)> parts)
        {
            Task = task;
            _text = $"{task.Name}: {task.Kind}";
            foreach (var (label, tasks, isParallel) in parts)
            {
                if (isParallel)
                {
                    _columns.AddRange(tasks.Select(t => ("", Measure(t))));
                }
                else
                {
                    _columns.Add((parts.Count > 1 ? label : "", new Column([.. tasks.Select(Measure)], isWhole: false)));
                }
            }
            Width = Math.Max((_text.Length * Letter) + 24, _columns.Sum(c => c.Content.Width + Margin) + Margin);
            Height = Header + (parts.Count > 1 ? 16 : 0) + _columns.Max(c => c.Content.Height) + Margin;
        }

        public override void Draw(Pen pen, double x, double y)
        {
            pen.Rectangle(x, y, Width, Height, 6, "frame");
            pen.Text(x + 10, y + 17, _text, "");
            var left = x + ((Width - _columns.Sum(c => c.Content.Width + Margin) + Margin) / 2);
            foreach (var (label, content) in _columns)
            {
                var top = y + Header;
                if (_columns.Exists(c => c.Label.Length > 0))
                {
                    pen.Text(left, top + 8, label, "part");
                    top += 16;
                }
                content.Draw(pen, left, top);
                left += content.Width + Margin;
            }
        }
    }

    private sealed class Column : Shape
    {
        private readonly List<Shape> _shapes;
        private readonly List<Way> _ways;
        private readonly double _inner;
        private readonly int _leftLanes;

        /// <param name="isWhole">Whether this is the flow itself, between its beginning and its end.</param>
        public Column(List<Shape> shapes, bool isWhole)
        {
            _shapes = shapes;
            _ways = [.. Ways(shapes, isWhole)];
            _inner = shapes.Max(s => s.Width);
            _leftLanes = _ways.Count(w => w.To <= w.From && w.To >= 0);
            var labels = _ways.Where(w => w.To != w.From + 1 && w.Label.Length > 0).Select(w => w.Label.Length * Letter).DefaultIfEmpty(0).Max();
            Width = _inner + (_ways.Count(IsAhead) * Lane) + (_leftLanes * Lane) + labels;
            Height = shapes.Sum(s => s.Height) + (Gap * (shapes.Count - 1)) + (_ways.Exists(w => w.To < 0 && w.From == shapes.Count - 1) ? 16 : 0);
        }

        public override void Draw(Pen pen, double x, double y)
        {
            var left = x + (_leftLanes * Lane);
            var places = new List<(double X, double Y)>();
            foreach (var shape in _shapes)
            {
                places.Add((left + ((_inner - shape.Width) / 2), y));
                shape.Draw(pen, places[^1].X, y);
                y += shape.Height + Gap;
            }
            var center = left + (_inner / 2);
            var (ahead, back) = (0, 0);
            foreach (var way in _ways)
            {
                var from = _shapes[way.From];
                var bottom = places[way.From].Y + from.Height;
                if (way.To < 0)
                {
                    pen.Text(center + 6, bottom + 13, way.Label, "label");
                }
                else if (way.To == way.From + 1)
                {
                    pen.Arrow($"M{Pen.N(center)} {Pen.N(bottom)}V{Pen.N(places[way.To].Y)}");
                    pen.Text(center + 6, bottom + 18, way.Label, "label");
                }
                else
                {
                    var to = _shapes[way.To];
                    var isAhead = IsAhead(way);
                    var lane = isAhead ? left + _inner + (Lane * ++ahead) : left - (Lane * ++back);
                    // Each way has a height of its own at both ends, so that those of one task can be told apart.
                    var step = 3 * (isAhead ? ahead : back) % 9;
                    var (leave, arrive) = (places[way.From].Y + Math.Min(from.Height, Row) - 8 - step, places[way.To].Y + 8 + step);
                    var (start, end) = isAhead ? (places[way.From].X + from.Width, places[way.To].X + to.Width) : (places[way.From].X, places[way.To].X);
                    pen.Arrow($"M{Pen.N(start)} {Pen.N(leave)}H{Pen.N(lane)}V{Pen.N(arrive)}H{Pen.N(end)}");
                    pen.Text(isAhead ? lane + 4 : left + _inner + 4, isAhead ? leave + 4 + (6 * ahead) : leave, way.Label, "label");
                }
            }
        }

        private static bool IsAhead(Way way) => way.To > way.From + 1;

        /// <summary>From each task to where it may lead. In a flow, what leaves the list leads to its end; in a block, only 'exit' and 'end' are told.</summary>
        private static IEnumerable<Way> Ways(List<Shape> shapes, bool isWhole)
        {
            if (isWhole)
            {
                yield return new Way(0, 1, "");
            }
            for (var i = 0; i < shapes.Count; i++)
            {
                var leaving = shapes[i].Task is { } task ? FlowDiagram.Ways(task).Select(w => (Target(w.Directive, i), w.Label ?? "", w.Directive)) : [];
                // Ways to the same place are one arrow with all their labels; a frame leads on from its lower edge like a box.
                foreach (var same in leaving.GroupBy(w => w.Item1 >= 0 ? $"{w.Item1}" : w.Directive.Text))
                {
                    var (to, _, directive) = same.First();
                    var label = string.Join(", ", same.Select(w => w.Item2).Where(l => l.Length > 0));
                    if (to >= 0)
                    {
                        yield return new Way(i, to, label);
                    }
                    else if (!directive.IsContinue)
                    {
                        yield return new Way(i, -1, label.Length > 0 ? $"{label} → {directive.Text}" : $"→ {directive.Text}");
                    }
                }
            }

            int Target(FlowDirective directive, int from)
            {
                if (directive.IsContinue)
                {
                    return from + 1 < shapes.Count ? from + 1 : -1;
                }
                return directive.Target is { } name ? shapes.FindIndex(s => s.Task?.Name == name) : isWhole ? shapes.Count - 1 : -1;
            }
        }

        private readonly record struct Way(int From, int To, string Label);
    }

    private sealed class Pen(StringBuilder text)
    {
        public static string N(double number) => number.ToString("0.#", CultureInfo.InvariantCulture);

        public void Rectangle(double x, double y, double width, double height, double round, string kind) =>
            text.Append(CultureInfo.InvariantCulture, $"<rect class=\"{kind}\" x=\"{N(x)}\" y=\"{N(y)}\" width=\"{N(width)}\" height=\"{N(height)}\" rx=\"{N(round)}\"/>\n");

        public void Circle(double x, double y, double radius) => text.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{N(x)}\" cy=\"{N(y)}\" r=\"{N(radius)}\"/>\n");

        public void Arrow(string path) => text.Append(CultureInfo.InvariantCulture, $"<path d=\"{path}\" marker-end=\"url(#to)\"/>\n");

        public void Text(double x, double y, string content, string kind)
        {
            if (content.Length > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"<text class=\"{kind}\" x=\"{N(x)}\" y=\"{N(y)}\">{Escape(content)}</text>\n");
            }
        }
    }
}
