namespace Baton.Deploy.Tests;

/// <summary>What can be said of the image without building it.</summary>
public sealed class DockerfileTests
{
    private static readonly string[] Lines = [.. File.ReadAllText(Path.Combine(Overlay.Root, "deploy", "Dockerfile"))
        .Replace("\\\n", " ", StringComparison.Ordinal).Split('\n').Where(line => line.Length > 0 && line[0] != '#')];

    [Fact]
    public void Only_known_instructions_are_used() => Assert.All(
        Lines, line => Assert.Contains(line.Split(' ')[0], new[] { "FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD" }));

    [Fact]
    public void What_is_copied_is_there()
    {
        var sources = Lines.Where(line => line.StartsWith("COPY ", StringComparison.Ordinal) && !line.Contains("--from", StringComparison.Ordinal)).SelectMany(line => line.Split(' ')[1..^1]);
        Assert.All(sources, source => Assert.NotEmpty(Directory.EnumerateFileSystemEntries(Overlay.Root, source)));
    }

    [Fact]
    public void The_last_stage_is_chiselled_runs_nothing_and_is_not_root()
    {
        var stage = Lines[Array.FindLastIndex(Lines, line => line.StartsWith("FROM ", StringComparison.Ordinal))..];
        Assert.Contains("chiseled", stage[0], StringComparison.Ordinal);
        Assert.DoesNotContain(stage, line => line.StartsWith("RUN ", StringComparison.Ordinal));
        Assert.Contains("USER $APP_UID", stage);
        // Without a shell only the form of a list works.
        Assert.All(stage.Where(line => line.StartsWith("ENTRYPOINT", StringComparison.Ordinal) || line.StartsWith("CMD", StringComparison.Ordinal)), line => Assert.Contains("[\"", line, StringComparison.Ordinal));
    }
}
