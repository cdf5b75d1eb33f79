using Baton.Conformance.Support;

// Cases spend their time waiting for timers and retries, so many more of them than there are cores may run at once.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.All, MaxThreads = 12)]
[assembly: AssemblyFixture(typeof(ServerFixture))]
