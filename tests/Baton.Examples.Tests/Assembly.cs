using System.Runtime.Versioning;
using Baton.Examples.Tests;

[assembly: UnsupportedOSPlatform("windows")]
[assembly: AssemblyFixture(typeof(SampleService))]
