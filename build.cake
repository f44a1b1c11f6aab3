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
var watch = Stopwatch.StartNew();

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

// Runs a test project's own executable (Microsoft.Testing.Platform); adds its counts to the total.
void TestProject(string name, string categories = "")
{
    Say($"{name}: tests");
    var report = results.CombineWithFilePath($"{name}.trx");
    EnsureDirectoryExists(results);
    if (FileExists(report))
    {
        DeleteFile(report);
    }

    var expressions = new[] { categories, filter }.Where(e => e.Length > 0).ToArray();
    var expression = expressions.Length == 0 ? "" : $" --filter \"{string.Join("&", expressions)}\"";
    var code = StartProcess("dotnet", new ProcessSettings
    {
        Arguments = $"{artifacts}/bin/{name}/{configuration.ToLowerInvariant()}/{name}.dll --report-trx --report-trx-filename {name}.trx --results-directory {results} --no-progress{expression}",
        WorkingDirectory = root,
        EnvironmentVariables = new Dictionary<string, string>
        {
            ["CALICO_VECTORS"] = EnvironmentVariable("CALICO_VECTORS") ?? root.Combine("../shared/vectors").Collapse().FullPath,
            ["CALICO_REFERENCE"] = EnvironmentVariable("CALICO_REFERENCE") ?? root.Combine("../shared/reference").Collapse().FullPath,
            ["CALICO_PUBLISH"] = publish.FullPath,
            ["CALICO_SHIM"] = publish.CombineWithFilePath("bin/calico-shim").FullPath,
        },
    });
    if (!FileExists(report))
    {
        // 8: the filter matches none of this project's tests.
        if (code == 8 && filter.Length > 0)
        {
            return;
        }

        total.Failed++;
        Error("{0} wrote no report (exit code {1})", name, code);
        return;
    }

    var document = XDocument.Load(report.FullPath);
    var space = document.Root.Name.Namespace;
    var outcomes = document.Descendants(space + "UnitTestResult").Select(r => (Name: (string)r.Attribute("testName"), Outcome: (string)r.Attribute("outcome"), Element: r)).ToList();
    var passed = outcomes.Count(o => o.Outcome == "Passed");
    var failed = outcomes.Where(o => o.Outcome is "Failed" or "Error" or "Timeout" or "Aborted").ToList();
    var skipped = outcomes.Where(o => o.Outcome is "NotExecuted" or "Inconclusive").ToList();
    foreach (var skip in skipped)
    {
        Warning("skipped: {0}: {1}", skip.Name, (skip.Element.Descendants(space + "Message").FirstOrDefault()?.Value ?? "no reason given").Trim());
    }

    foreach (var failure in failed)
    {
        Error("failed: {0}", failure.Name);
    }

    Say($"{name}: {passed} passed, {failed.Count} failed, {skipped.Count} skipped");
    total = (total.Passed + passed, total.Failed + failed.Count + (failed.Count == 0 && code is not (0 or 8) ? 1 : 0), total.Skipped + skipped.Count);
}

void Publish(string project, string to, bool native)
{
    Say($"publishing {project}{(native ? " (native)" : "")}");
    var runtime = System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier.EndsWith("arm64") ? "linux-arm64" : "linux-x64";
    Run("dotnet", $"publish {project} -c {configuration} --no-restore -r {runtime} {(native ? "" : "--no-self-contained ")}-o {publish.Combine(to)} --nologo -v quiet");
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
    Run("dotnet", $"build Calico.slnx -c {configuration} --no-restore --nologo -v quiet");
});

// The unit tests of the shim run the real one, and never an older one. Without a change of it this takes a second.
Task("shim").IsDependentOn("restore").Does(() => Publish("Calico.Shim", "bin", native: true));

Task("unit").IsDependentOn("build").IsDependentOn("shim").Does(() => TestProject("UnitTests"));

Task("kernel").IsDependentOn("build").Does(() => TestProject("KernelTests"));

Task("vectors").IsDependentOn("build").Does(() => TestProject("VectorTests"));

Task("system").IsDependentOn("build").IsDependentOn("publish").Does(() => TestProject("SystemTests", "TestCategory!=long"));

Task("test").IsDependentOn("build").IsDependentOn("publish").IsDependentOn("unit").IsDependentOn("kernel").IsDependentOn("vectors").IsDependentOn("system");

// A thousand random lives of nodes instead of sixty: what they look for is rare.
Task("long").IsDependentOn("build").IsDependentOn("publish").Does(() =>
{
    Environment.SetEnvironmentVariable("CALICO_IPAM_LIVES", Argument("lives", "1000"));
    TestProject("UnitTests", "TestCategory=lives");
    TestProject("SystemTests");
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
    foreach (var name in part.Length > 0 ? new[] { part } : new[] { "blocks", "selectors", "rules", "felix", "plans", "engine", "protocol", "shapes" })
    {
        Say($"mutating {name}: the report goes to artifacts/mutate/{name}");
        var code = StartProcess("dotnet", new ProcessSettings
        {
            Arguments = $"stryker --config-file mutate/{name}.json --skip-version-check --output {artifacts.Combine("mutate").Combine(name)}",
            WorkingDirectory = root.Combine("tests/PureTests"),
            // A property is tried fifty times against each change, not a hundred.
            EnvironmentVariables = new Dictionary<string, string> { ["MutatePart"] = name, ["CsCheck_Iter"] = "50" },
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

Task("pack").IsDependentOn("restore").Does(() =>
{
    Say("packing");
    Run("dotnet", $"pack Calico.slnx --no-restore -c {configuration} -o {artifacts.Combine("packages")} --nologo -v quiet");
});

// A node's programs: host/ (framework-dependent), plugins/<name>/<version>/, bin/ (native).
Task("publish").IsDependentOn("restore").Does(() =>
{
    var version = XDocument.Load(root.CombineWithFilePath("Directory.Build.props").FullPath).Descendants("Version").First().Value;
    Publish("Calico.Host", "host", native: false);
    Publish("Plugins.Cni", $"plugins/cni/{version}", native: false);
    Publish("Calico.Shim", "bin", native: true);
    Publish("calicoctl", "bin", native: true);
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
    if (total != (0, 0, 0))
    {
        // Alone on its last line: what a script reads.
        Console.Out.Flush();
        Console.WriteLine($"{total.Passed} passed, {total.Failed} failed, {total.Skipped} skipped");
    }
}

if (total.Failed > 0)
{
    Environment.Exit(1);
}
