using System.Runtime.Versioning;
using Baton.Cli.Tests;

[assembly: UnsupportedOSPlatform("windows")]
[assembly: AssemblyFixture(typeof(RunningServer))]
