using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Tests.Support;
using Baton.Jq;

namespace Baton.Flows.Tests.Calls;

/// <summary>Which engine there is, is found by the path of the process: nothing else may run meanwhile.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class PathOfTheProcess;

[Collection(typeof(PathOfTheProcess))]
public sealed class ContainerTests
{
    private readonly string _path = Environment.GetEnvironmentVariable("PATH")!;

    private static RunResult Run() => Simulated.Run(new RunRequest(
        """
        document: { dsl: 1.0.3, namespace: tests, name: container, version: 1.0.0 }
        do:
        - go:
            run:
              container:
                image: alpine:3
                name: box
                command: echo "$1" "$GREETING"
                arguments: [a b]
                stdin: typed
                pullPolicy: never
                ports: { '8080': 80 }
                volumes: { /host: /inside }
                environment: { GREETING: hello }
                lifetime: { cleanup: always }
        """, JqValue.FromObject([])), new FlowHost { Policy = FlowPolicy.Default with { AllowContainer = true } });

    [Fact]
    public void Without_an_engine_it_is_a_configuration_error()
    {
        Environment.SetEnvironmentVariable("PATH", "/nowhere");
        try
        {
            var error = Run().Error!;
            Assert.Equal((400, "/do/0/go"), (error.Status, error.Instance));
            Assert.Contains("no container engine here", error.Detail, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", _path);
        }
    }

    /// <summary>An engine that tells how it was called, and gives its input back.</summary>
    [Fact]
    public void The_engine_gets_every_option()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The engine of this test is a shell script.");
        var folder = Directory.CreateTempSubdirectory("baton-engine-").FullName;
        var engine = Path.Combine(folder, "docker");
        File.WriteAllText(engine, "#!/bin/sh\nprintf '%s|' \"$@\"\ncat\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(engine, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
        Environment.SetEnvironmentVariable("PATH", $"{folder}:{_path}");
        try
        {
            Assert.Equal("run|-i|--rm|--name|box|--pull|never|--publish|8080:80|--volume|/host:/inside|--env|GREETING=hello|--entrypoint|/bin/sh|alpine:3|-c|echo \"$1\" \"$GREETING\"|sh|a b|typed",
                Run().Output.GetString());
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", _path);
            Directory.Delete(folder, recursive: true);
        }
    }
}
