using System.CommandLine;
using Baton.Cli.Output;
using Baton.Flows.Model;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton flow diagram FILE`: the flow as a Mermaid flowchart.</summary>
internal static class FlowDiagramVerb
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "Flow file, YAML or JSON." };
        var command = new Command("diagram", "Draw a flow as a Mermaid flowchart.") { file };
        command.SetAction(parsed => OutputOptions.Console(parsed).Line(FlowDiagram.Mermaid(FlowNoun.ReadFlow(parsed.GetRequiredValue(file))).TrimEnd()));
        return command;
    }
}
