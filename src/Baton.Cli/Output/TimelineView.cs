using Baton.Server.Runs;
using Spectre.Console;

namespace Baton.Cli.Output;

/// <summary>
/// Draws a timeline. Each line has the time since the start of the run; an item with several events is headed by its
/// whole duration and its outcome, with its events nested below.
/// </summary>
internal static class TimelineView
{
    private const int TimeWidth = 9;

    public static void Draw(CliConsole console, string workflowId, Timeline timeline, bool detailed)
    {
        console.Markup($"[bold]{workflowId.EscapeMarkup()}[/]  started {timeline.Start:yyyy-MM-dd HH:mm:ss}Z");
        foreach (var item in timeline.Items.Where(item => detailed || IsInteresting(item)))
        {
            DrawItem(console, timeline, item, detailed);
        }
        if (timeline.Items.Any(item => item is { Open: true, Kind: not TimelineKind.WorkflowTask }) || !Closed(timeline))
        {
            console.Markup($"{new string(' ', TimeWidth)}  [blue]… running[/]");
        }
    }

    /// <summary>One event as it happens.</summary>
    public static void Follow(CliConsole console, Timeline timeline, TimelineStep step, bool detailed)
    {
        if (!detailed && step.Item.Kind == TimelineKind.WorkflowTask && step.Tone != Tone.Bad)
        {
            return;
        }
        var elapsed = step.Ends && step.Item.Steps.Count > 1 ? $" in {Format.Span(step.Item.Elapsed)}" : "";
        console.Markup($"{Offset(timeline, step)}  {Title(step.Item)} {What(step)}{elapsed}{Detail(step, TimeWidth + 4)}");
        Attributes(console, step, detailed);
    }

    private static void DrawItem(CliConsole console, Timeline timeline, TimelineItem item, bool detailed)
    {
        var first = item.Steps[0];
        if (item.Steps.Count == 1)
        {
            console.Markup($"{Offset(timeline, first)}  {Title(item)} {What(first)}{Detail(first, TimeWidth + 4)}");
            Attributes(console, first, detailed);
            return;
        }
        var last = item.Steps[^1];
        var state = last.Ends ? $"{What(last)} in {Format.Span(item.Elapsed)}" : "[blue]open[/]";
        console.Markup($"{Offset(timeline, first)}  {Title(item)} {state}");
        foreach (var step in item.Steps)
        {
            var branch = ReferenceEquals(step, last) ? "└" : "├";
            var since = ReferenceEquals(step, first) ? "" : $" +{Format.Span(step.Time - first.Time)}";
            console.Markup($"{new string(' ', TimeWidth)}  [grey]{branch} #{step.Event.EventId}[/] {What(step)}[grey]{since}[/]{Detail(step, TimeWidth + 6)}");
            Attributes(console, step, detailed);
        }
    }

    // Workflow tasks are the engine's own business unless they go wrong.
    private static bool IsInteresting(TimelineItem item) =>
        item.Kind != TimelineKind.WorkflowTask || item.Steps.Any(step => step.Tone == Tone.Bad);

    private static bool Closed(Timeline timeline) =>
        timeline.Items.Count > 0 && timeline.Items[^1] is { Kind: TimelineKind.Workflow, Steps: [{ What: not ("started" or "cancel requested") }] };

    private static string Offset(Timeline timeline, TimelineStep step) =>
        $"[grey]{Format.Span(step.Time - timeline.Start),TimeWidth}[/]";

    private static string Title(TimelineItem item)
    {
        var kind = item.Kind switch
        {
            TimelineKind.WorkflowTask => "workflow task",
            TimelineKind.LocalActivity => "local activity",
            TimelineKind.Properties => "",
            var other => Format.Words(other),
        };
        return string.Join(' ', new[] { kind, item.Name.Length == 0 ? "" : $"[bold]{item.Name.EscapeMarkup()}[/]" }.Where(part => part.Length > 0));
    }

    private static string What(TimelineStep step) => step.Tone switch
    {
        Tone.Good => $"[green]{step.What}[/]",
        Tone.Bad => $"[red]{step.What}[/]",
        Tone.Stopped => $"[yellow]{step.What}[/]",
        Tone.Running => $"[blue]{step.What}[/]",
        _ => step.What,
    };

    private static string Detail(TimelineStep step, int indent) =>
        step.Detail.Length == 0 ? "" : "  " + step.Detail.ReplaceLineEndings("\n" + new string(' ', indent)).EscapeMarkup();

    private static void Attributes(CliConsole console, TimelineStep step, bool detailed)
    {
        if (!detailed)
        {
            return;
        }
        var json = ProtoJson.ToJson(step.Event);
        foreach (var (_, attributes) in json.Where(field => field.Key.EndsWith("EventAttributes", StringComparison.Ordinal)))
        {
            console.Markup($"{new string(' ', TimeWidth + 6)}[grey]{attributes.ToText().EscapeMarkup()}[/]");
        }
    }
}
