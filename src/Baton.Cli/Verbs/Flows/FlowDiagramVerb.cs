using System.CommandLine;
using Baton.Cli.Output;
using Baton.Flows.Model;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton flow diagram FILE`: the flow as a Mermaid flowchart or as SVG.</summary>
internal static class FlowDiagramVerb
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "Flow file, YAML or JSON." };
        var format = new Option<string>("--format") { Description = "mermaid or svg.", DefaultValueFactory = _ => "mermaid" };
        format.AcceptOnlyFromAmong("mermaid", "svg");
        var command = new Command("diagram", "Draw a flow as a Mermaid flowchart or as SVG.") { file, format };
        command.SetAction(parsed =>
        {
            var flow = FlowNoun.ReadFlow(parsed.GetRequiredValue(file));
            OutputOptions.Console(parsed).Line((parsed.GetValue(format) == "svg" ? FlowDiagram.Svg(flow) : FlowDiagram.Mermaid(flow)).TrimEnd());
        });
        return command;
    }
}
