using System.Collections.Immutable;
using System.Text;

namespace Baton.Flows.Model;

/// <summary>A flow as a drawing: a node per task, a frame per block, an edge per way.</summary>
public static class FlowDiagram
{
    /// <summary>As SVG, complete with its style.</summary>
    public static string Svg(FlowDefinition flow) => FlowSvg.Draw(flow);

    /// <summary>As a Mermaid flowchart.</summary>
    public static string Mermaid(FlowDefinition flow)
    {
        var text = new StringBuilder("flowchart TD\n  start((start))\n  finish((end))\n");
        var (first, exits) = List(text, flow.Do, "do", "  ");
        Edge(text, "start", first ?? "finish", null, "  ");
        foreach (var exit in exits)
        {
            Edge(text, exit.From, "finish", exit.Label, "  ");
        }
        return text.ToString();
    }

    /// <summary>Draws a list; gives its first node and the ways that leave it.</summary>
    private static (string? First, List<(string From, string? Label)> Exits) List(StringBuilder text, ImmutableArray<FlowTask> tasks, string path, string indent)
    {
        var exits = new List<(string, string?)>();
        for (var i = 0; i < tasks.Length; i++)
        {
            var id = $"{path}_{i}";
            Node(text, tasks[i], id, indent);
            foreach (var (label, directive) in Ways(tasks[i]))
            {
                var target = directive.Target is { } name ? IndexOf(tasks, name) : directive.IsContinue ? i + 1 : -1;
                if (directive.IsEnd)
                {
                    Edge(text, id, "finish", label, indent);
                }
                else if (target >= 0 && target < tasks.Length)
                {
                    Edge(text, id, $"{path}_{target}", label, indent);
                }
                else
                {
                    exits.Add((id, label));
                }
            }
        }
        return (tasks.IsEmpty ? null : $"{path}_0", exits);
    }

    private static void Node(StringBuilder text, FlowTask task, string id, string indent)
    {
        var parts = Parts(task).Where(p => p.Tasks.Length > 0).ToList();
        if (parts.Count == 0)
        {
            var (open, close) = task is SwitchTask ? ("{\"", "\"}") : task is ListenTask or WaitTask ? ("([\"", "\"])") : ("[\"", "\"]");
            text.Append(indent).Append(id).Append(open).Append(Escape($"{task.Name}: {Summary(task)}")).Append(close).Append('\n');
            return;
        }
        text.Append(indent).Append("subgraph ").Append(id).Append("[\"").Append(Escape($"{task.Name}: {task.Kind}")).Append("\"]\n");
        foreach (var (label, tasks, isParallel) in parts)
        {
            if (isParallel)
            {
                for (var i = 0; i < tasks.Length; i++)
                {
                    Node(text, tasks[i], $"{id}_{label}_{i}", indent + "  ");
                }
            }
            else
            {
                List(text, tasks, $"{id}_{label}", indent + "  ");
            }
        }
        text.Append(indent).Append("end\n");
    }

    internal static IEnumerable<(string Label, ImmutableArray<FlowTask> Tasks, bool IsParallel)> Parts(FlowTask task) => task switch
    {
        DoTask composite => [("do", composite.Tasks, false)],
        ForTask loop => [("do", loop.Tasks, false)],
        ForkTask fork => [("branch", fork.Branches, true)],
        ListenTask { Foreach: { } iterator } => [("foreach", iterator.Do, false)],
        TryTask attempt => [("try", attempt.Tasks, false), ("catch", attempt.Catch.Do, false)],
        _ => [],
    };

    internal static IEnumerable<(string? Label, FlowDirective Directive)> Ways(FlowTask task) => task switch
    {
        RaiseTask { If: null } => [],
        SwitchTask choice => choice.Cases.Select((string?, FlowDirective) (c) => (c.Name, c.Then)).Concat(choice.Cases.Any(c => c.When is null) ? [] : [(null, choice.Then)]),
        TryTask { Catch.Then: { } then } => [(null, task.Then), ("caught", then)],
        _ => [(null, task.Then)],
    };

    private static int IndexOf(ImmutableArray<FlowTask> tasks, string name)
    {
        for (var i = 0; i < tasks.Length; i++)
        {
            if (tasks[i].Name == name)
            {
                return i;
            }
        }
        return -1;
    }

    internal static string Summary(FlowTask task) => task switch
    {
        CallTask call => $"call {call.Function}",
        RunTask run => $"run {run.Process.ToString().ToLowerInvariant()}",
        _ => task.Kind,
    };

    private static void Edge(StringBuilder text, string from, string to, string? label, string indent) =>
        text.Append(indent).Append(from).Append(label is null ? " --> " : $" -- \"{Escape(label)}\" --> ").Append(to).Append('\n');

    private static string Escape(string text) => text.Replace("\"", "#quot;", StringComparison.Ordinal);
}
