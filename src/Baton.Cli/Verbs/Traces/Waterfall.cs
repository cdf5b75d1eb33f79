using System.Globalization;
using System.Text.Json.Nodes;
using Baton.Cli.Output;

namespace Baton.Cli.Verbs.Traces;

/// <param name="Tone">Bad for a span that failed, Running for one without an end.</param>
internal sealed record WaterfallLine(string Text, Tone Tone);

/// <summary>
/// A trace as lines of a given width: the tree of spans on the left, their place in time in the middle, how long they took
/// on the right. A span whose parent is not kept stands at the top.
/// </summary>
internal static class Waterfall
{
    private const int DurationWidth = 9;
    private const int LeastBar = 10;
    private const int LeastName = 20;

    public static IEnumerable<WaterfallLine> Draw(JsonNode trace, int width)
    {
        var spans = ((JsonArray)trace["spans"]!).Select(span => new Span(span!)).ToList();
        var start = spans.Min(span => span.Start);
        var total = Math.Max((double)trace["durationMs"]!, 0.001);
        var rows = Tree(spans);
        var names = Math.Clamp(rows.Max(row => row.Label.Length), LeastName, Math.Max(LeastName, width / 2));
        var bar = width - names - DurationWidth - 2;
        foreach (var (label, margin, span) in rows)
        {
            var tone = span.IsError ? Tone.Bad : span.Duration is null ? Tone.Running : Tone.Neutral;
            var picture = bar < LeastBar ? "" : $" {Bar((span.Start - start).TotalMilliseconds, span.Duration, total, bar)}";
            yield return new($"{Cut(label, names).PadRight(names)}{picture} {Length(span.Duration),DurationWidth}", tone);
            if (span is { IsError: true, Message: { } message })
            {
                yield return new(Cut($"{margin}  ! {message.ReplaceLineEndings(" ")}", width), Tone.Bad);
            }
        }
    }

    private static List<(string Label, string Margin, Span Span)> Tree(List<Span> spans)
    {
        var known = spans.Select(span => span.Id).ToHashSet();
        var children = spans.Where(span => span.Parent is not null && known.Contains(span.Parent)).ToLookup(span => span.Parent!);
        var rows = new List<(string, string, Span)>();
        var drawn = new HashSet<string>();
        foreach (var root in spans.Where(span => span.Parent is null || !known.Contains(span.Parent)).Order())
        {
            Add(root, "", "", null);
        }
        // Spans that name each other as parents, which only a broken sender makes.
        foreach (var rest in spans.Where(span => !drawn.Contains(span.Id)).Order())
        {
            Add(rest, "", "", null);
        }
        return rows;

        void Add(Span span, string branch, string margin, string? service)
        {
            if (!drawn.Add(span.Id))
            {
                return;
            }
            rows.Add(($"{branch}{(span.IsError ? "✗ " : "")}{span.Label}{(span.Service == service ? "" : $" · {span.Service}")}", margin, span));
            var below = children[span.Id].Order().ToList();
            foreach (var child in below)
            {
                var isLast = ReferenceEquals(child, below[^1]);
                Add(child, $"{margin}{(isLast ? "└ " : "├ ")}", $"{margin}{(isLast ? "  " : "│ ")}", span.Service);
            }
        }
    }

    private static string Bar(double offset, double? duration, double total, int width)
    {
        var from = Math.Clamp((int)(offset / total * width), 0, width - 1);
        var length = Math.Clamp((int)Math.Round((duration ?? (total - offset)) / total * width), 1, width - from);
        return (new string(' ', from) + new string(duration is null ? '░' : '█', length)).PadRight(width);
    }

    private static string Length(double? milliseconds) => milliseconds switch
    {
        null => "no end",
        < 10 and var few => string.Create(CultureInfo.InvariantCulture, $"{few:0.0}ms"),
        var many => Format.Span(TimeSpan.FromMilliseconds(many.Value)),
    };

    private static string Cut(string text, int width) => text.Length <= width ? text : text[..(width - 1)] + "…";

    private sealed class Span(JsonNode json) : IComparable<Span>
    {
        public string Id { get; } = (string)json["spanId"]!;

        public string? Parent { get; } = (string?)json["parentId"];

        public string Service { get; } = (string)json["service"]!;

        public DateTimeOffset Start { get; } = DateTimeOffset.Parse((string)json["startedAt"]!, CultureInfo.InvariantCulture);

        public double? Duration { get; } = (double?)json["durationMs"];

        public bool IsError { get; } = (string?)json["status"] == "error";

        public string? Message { get; } = (string?)json["message"];

        /// <summary>Name, the flow where the span is of one, and which attempt if not the first.</summary>
        public string Label { get; } = $"{Name(json)}{(Attempt(json) is > 1 and var attempt ? $" #{attempt}" : "")}";

        public int CompareTo(Span? other) => (Start, Id).CompareTo((other!.Start, other.Id));

        private static string Name(JsonNode json) =>
            (string)json["name"]! is var name && name.StartsWith("RunWorkflow:", StringComparison.Ordinal) && (string?)json["attributes"]!["baton.flow"] is { } flow ? $"flow {flow}" : name;

        private static int? Attempt(JsonNode json) => (int?)json["attributes"]!["temporal.attempt"];
    }
}
