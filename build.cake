// Targets: ./build.sh --help. This file only says what is built from what; build.sh installs what a target needs.
using System.Diagnostics;
using System.Text.RegularExpressions;
using System.Xml.Linq;

var target = Argument("target", "build");
var filter = Argument("filter", "");
var configuration = Argument("configuration", "Release");
var root = MakeAbsolute(Directory("."));
var artifacts = root.Combine("artifacts");
var publish = artifacts.Combine("publish");
var results = artifacts.Combine("results");
var total = (Passed: 0, Failed: 0, Skipped: 0);
// Whether any test was run, and any was to be.
var asked = false;
var wanted = false;
var summary = new List<string>();
var watch = Stopwatch.StartNew();
const int RunAgainAtMost = 5;
// What `./build.sh long` alone runs: the full counts.
const string Short = "TestCategory!=long";

void Say(string text) => Console.WriteLine($"[{watch.Elapsed.TotalSeconds,5:0.0} s] {text}");

void Run(string program, string arguments, IDictionary<string, string> environment = null)
{
    var settings = new ProcessSettings { Arguments = arguments, WorkingDirectory = root };
    if (environment is not null)
    {
        settings.EnvironmentVariables = environment;
    }

    var code = StartProcess(program, settings);
    if (code != 0)
    {
        throw new CakeException($"{program} {arguments} ended with {code}");
    }
}

// Runs a test project's own executable (Microsoft.Testing.Platform); null: it wrote no report.
(int Code, List<TestOutcome> Outcomes) RunTests(string name, string report, string expression)
{
    var path = results.CombineWithFilePath(report);
    EnsureDirectoryExists(results);
    if (FileExists(path))
    {
        DeleteFile(path);
    }

    var code = StartProcess("dotnet", new ProcessSettings
    {
        Arguments = $"{artifacts}/bin/{name}/{configuration.ToLowerInvariant()}/{name}.dll --report-trx --report-trx-filename {report} --results-directory {results} --no-progress{(expression.Length == 0 ? "" : $" --filter \"{expression}\"")}",
        WorkingDirectory = root,
        EnvironmentVariables = new Dictionary<string, string>
        {
            ["CALICO_VECTORS"] = EnvironmentVariable("CALICO_VECTORS") ?? root.Combine("../shared/vectors").Collapse().FullPath,
            ["CALICO_REFERENCE"] = EnvironmentVariable("CALICO_REFERENCE") ?? root.Combine("../shared/reference").Collapse().FullPath,
            ["CALICO_PUBLISH"] = publish.FullPath,
            ["CALICO_PACKAGES"] = artifacts.Combine("packages").FullPath,
            ["CALICO_SHIM"] = publish.CombineWithFilePath("bin/calico-shim").FullPath,
        },
    });
    return (code, FileExists(path) ? TestOutcome.ReadReport(path.FullPath) : null);
}

// Adds a test project's counts to the total. A few failures are run once more, alone: a test that then passes is not counted as failed,
// but it is named in the summary with what it said the first time, because it has to be mended all the same.
void TestProject(string name, string categories = Short)
{
    Say($"{name}: tests");
    wanted = true;
    var (code, outcomes) = RunTests(name, $"{name}.trx", string.Join("&", new[] { categories, filter }.Where(e => e.Length > 0).Select(e => $"({e})")));
    // 8: the filter matches none of this project's tests.
    if (code == 8 && filter.Length > 0)
    {
        Say($"{name}: no test matches {filter}{(categories == Short ? ", or only long ones: ./build.sh long" : "")}");
        return;
    }

    asked = true;
    if (outcomes is null)
    {

        total.Failed++;
        summary.Add($"failed: {name} wrote no report (exit code {code})");
        return;
    }

    var failed = outcomes.Where(o => o.Failed).ToList();
    foreach (var skip in outcomes.Where(o => o.Skipped))
    {
        Warning("skipped: {0}: {1}", skip.Name, skip.Message.Length > 0 ? skip.Message : "no reason given");
    }

    if (failed.Count is > 0 and <= RunAgainAtMost)
    {
        Say($"{name}: {failed.Count} failed; once more, alone");
        // Of the same categories: a method's long cases are not run because a short one failed.
        var methods = string.Join("|", failed.Select(f => $"FullyQualifiedName~{f.Method}").Distinct());
        var again = RunTests(name, $"{name}.again.trx", categories.Length == 0 ? methods : $"({methods})&({categories})").Outcomes ?? [];
        foreach (var passed in failed.Where(f => again.Any(a => a.Passed && a.Name == f.Name)).ToList())
        {
            failed.Remove(passed);
            summary.Add($"unsteady: {passed.Method} failed, and passed alone: {passed.Message}");
        }
    }

    summary.AddRange(failed.Select(f => $"failed: {f.Method}: {f.Message}"));
    var count = outcomes.Count(o => o.Passed) + outcomes.Count(o => o.Failed) - failed.Count;
    var silent = !outcomes.Any(o => o.Failed) && code is not (0 or 8);
    if (silent)
    {
        summary.Add($"failed: {name} ended with {code} although none of its tests failed");
    }

    Say($"{name}: {count} passed, {failed.Count} failed, {outcomes.Count(o => o.Skipped)} skipped");
    total = (total.Passed + count, total.Failed + failed.Count + (silent ? 1 : 0), total.Skipped + outcomes.Count(o => o.Skipped));
}

// The compiler as one process for all projects of this run (each of its own starts cold), under a name of its own, and gone with it.
string compiler = $"calico-build-{Environment.ProcessId}";

string Compiling => $"-c {configuration} --no-restore --nologo -v quiet -p:UseSharedCompilation=true -p:SharedCompilationId={compiler}";

void EndCompiler()
{
    foreach (var process in Process.GetProcesses().Where(p => CommandLine(p.Id).EndsWith($"-pipename:{compiler}")))
    {
        process.Kill();
    }
}

string CommandLine(int pid)
{
    try
    {
        return System.IO.File.ReadAllText($"/proc/{pid}/cmdline").TrimEnd('\0');
    }
    catch (IOException)
    {
        // It has ended.
        return "";
    }
}

void Publish(string project)
{
    var runtime = System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier.EndsWith("arm64") ? "linux-arm64" : "linux-x64";
    Run("dotnet", $"publish {project} -r {runtime} -p:PublishRoot={publish} {Compiling}");
}

Task("restore").Does(() =>
{
    Say("restoring packages");
    // The lock files name the native compiler that this SDK brings along. A later patch of the SDK brings a later one, and is no reason to refuse.
    var lines = new List<string>();
    StartProcess("dotnet", new ProcessSettings
    {
        Arguments = "msbuild Calico.Shim/Calico.Shim.csproj -getProperty:BundledNETCoreAppPackageVersion",
        WorkingDirectory = root,
        RedirectStandardOutput = true,
        RedirectedStandardOutputHandler = line => { lines.Add(line ?? ""); return line; },
    });
    var compiler = lines.FirstOrDefault(l => l.Trim().Length > 0)?.Trim();
    var locked = System.IO.File.ReadAllText("Calico.Shim/packages.lock.json").Contains($"\"resolved\": \"{compiler}\"");
    if (!locked)
    {
        Warning("this SDK brings .NET {0}, the lock files were made with another patch of it: they are not enforced", compiler);
    }

    Run("dotnet", $"restore Calico.slnx --nologo -v quiet{(locked ? " --locked-mode" : "")}");
});

Task("build").IsDependentOn("restore").Does(() =>
{
    Say("compiling");
    Run("dotnet", $"build Calico.slnx {Compiling}");
});

// The unit tests of the shim run the real one, and never an older one. Without a change of it this takes a second.
Task("shim").IsDependentOn("restore").Does(() => Publish("Calico.Shim"));

Task("unit").IsDependentOn("build").IsDependentOn("shim").Does(() => TestProject("UnitTests"));

Task("kernel").IsDependentOn("build").Does(() => TestProject("KernelTests"));

Task("vectors").IsDependentOn("build").Does(() => TestProject("VectorTests"));

Task("system").IsDependentOn("build").IsDependentOn("publish").IsDependentOn("pack").Does(() => TestProject("SystemTests"));

// What needs a dockerd, alone.
Task("docker").IsDependentOn("build").IsDependentOn("publish").Does(() => TestProject("SystemTests", $"FullyQualifiedName~SystemTests.Docker&{Short}"));

// A played agent, alone.
Task("mesos").IsDependentOn("build").IsDependentOn("publish").Does(() => TestProject("SystemTests", $"FullyQualifiedName~SystemTests.Mesos&{Short}"));

Task("test").IsDependentOn("build").IsDependentOn("publish").IsDependentOn("unit").IsDependentOn("kernel").IsDependentOn("vectors").IsDependentOn("system");

// A thousand random lives of nodes instead of sixty: what they look for is rare.
Task("long").IsDependentOn("build").IsDependentOn("publish").IsDependentOn("pack").Does(() =>
{
    Environment.SetEnvironmentVariable("CALICO_IPAM_LIVES", Argument("lives", "1000"));
    TestProject("UnitTests", "TestCategory=lives|TestCategory=long");
    TestProject("KernelTests", "TestCategory=long");
    TestProject("SystemTests", "");
});

// CsCheck runs each property for so many seconds instead of a count; the seed of a failure is printed.
Task("fuzz").IsDependentOn("build").Does(() =>
{
    Environment.SetEnvironmentVariable("CsCheck_Time", Argument("seconds", "20"));
    TestProject("UnitTests", "TestCategory=fuzz");
});

// Changes the pure parts, one operator at a time, and runs their tests against each change. Stryker builds for itself.
Task("mutate").Does(() =>
{
    Run("dotnet", "tool restore");
    var part = Argument("part", "");
    foreach (var name in part.Length > 0 ? new[] { part } : new[] { "blocks", "selectors", "rules", "felix-graph", "felix-labels", "felix-explain", "plans", "engine", "writer", "protocol", "shapes" })
    {
        Say($"mutating {name}: the report goes to artifacts/mutate/{name}");
        var code = StartProcess("dotnet", new ProcessSettings
        {
            Arguments = $"stryker --config-file mutate/{name}.json --skip-version-check --output {artifacts.Combine("mutate").Combine(name)}",
            WorkingDirectory = root.Combine("tests/PureTests"),
            // Against each change a property is tried less often than in a test run, and with the same seed: a change is not noticed by luck.
            EnvironmentVariables = new Dictionary<string, string>
            {
                ["MutatePart"] = name.Split('-')[0], ["CsCheck_Iter"] = "20", ["CALICO_EFFORT"] = "4", ["CALICO_SEED"] = "1",
                // What a test writes to a disk is written hundreds of times, and no change is noticed by how long a disk takes.
                ["TMPDIR"] = System.IO.Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath(),
            },
        });
        if (code != 0)
        {
            throw new CakeException($"stryker ended with {code} in part {name}");
        }
    }
});

Task("bench").IsDependentOn("build").IsDependentOn("publish").Does(() =>
    Run("dotnet", $"{artifacts}/bin/Calico.Benchmarks/{configuration.ToLowerInvariant()}/Calico.Benchmarks.dll {Argument("runs", "")}",
        new Dictionary<string, string> { ["CALICO_PUBLISH"] = publish.FullPath }));

// Every package, into artifacts/packages: what was there of an earlier build goes first.
Task("pack").IsDependentOn("build").Does(() =>
{
    Say("packing");
    var packages = artifacts.Combine("packages");
    CleanDirectory(packages);
    Run("dotnet", $"pack Calico.slnx --no-build -c {configuration} -o {packages} --nologo -v quiet");
});

Task("publish").IsDependentOn("restore").Does(() =>
{
    Say("publishing a node's programs, two of them native: two minutes");
    Publish("publish.proj");
});

Task("demo").IsDependentOn("publish").Does(() =>
{
    Say("the demo's host comes up");
    Run("bash", "samples/podman/demo.sh", new Dictionary<string, string> { ["CALICO_PUBLISH"] = publish.FullPath });
});

try
{
    RunTarget(target);
}
finally
{
    EndCompiler();
    if (wanted)
    {
        foreach (var line in summary)
        {
            Console.WriteLine(line);
        }

        // Alone on its last line: what a script reads.
        Console.WriteLine($"{total.Passed} passed, {total.Failed} failed, {total.Skipped} skipped");
    }
}

if (total.Failed > 0 || (wanted && !asked))
{
    Environment.Exit(1);
}

// A line of a test report.
sealed record TestOutcome(string Name, string Method, string Outcome, string Message)
{
    public bool Passed => Outcome == "Passed";

    public bool Failed => Outcome is "Failed" or "Error" or "Timeout" or "Aborted";

    public bool Skipped => Outcome is "NotExecuted" or "Inconclusive";

    public static List<TestOutcome> ReadReport(string path)
    {
        var document = XDocument.Load(path);
        var space = document.Root.Name.Namespace;
        var methods = document.Descendants(space + "UnitTest").ToDictionary(
            t => (string)t.Attribute("id"),
            t => t.Element(space + "TestMethod") is { } m ? $"{((string)m.Attribute("className")).Split(',')[0]}.{((string)m.Attribute("name")).Split('(')[0]}" : (string)t.Attribute("name"));
        return document.Descendants(space + "UnitTestResult").Select(r => new TestOutcome(
            (string)r.Attribute("testName"),
            methods.GetValueOrDefault((string)r.Attribute("testId"), (string)r.Attribute("testName")),
            (string)r.Attribute("outcome"),
            Regex.Replace((r.Descendants(space + "Message").FirstOrDefault()?.Value ?? "").Trim(), @"\s+", " "))).ToList();
    }
}
