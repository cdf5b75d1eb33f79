using Web;

// A test runner of one line, so that the repository needs no package.
(string Name, bool Passed)[] tests =
[
    ("greets by name", Greeting.For("Ada").Contains("Ada", StringComparison.Ordinal)),
    ("ends as a sentence does", Greeting.For("Ada")[^1] is '.' or '!'),
];
foreach (var (name, passed) in tests)
{
    Console.WriteLine($"{(passed ? "ok  " : "FAIL")} {name}");
}
return tests.All(test => test.Passed) ? 0 : 1;
