"""Stack traces as the runtimes write them, without the newline at their end."""

from __future__ import annotations

JAVA = """\
java.lang.IllegalStateException: boom
\tat a.b.C$D.m(C.java:1)
\tat java.base/java.lang.Thread.run(Thread.java:833)
\tSuppressed: java.io.IOException: close
\t\tat a.B.close(B.java:2)
\t\t... 12 more
Caused by: java.io.IOException: x
\tat a.b.E.<init>(E.java:9)
\t... 12 more"""

JAVA_BLANK_LINES = """\
java.lang.IllegalStateException: boom
\tat a.b.C.m(C.java:1)

Caused by: java.io.IOException: x
\tat a.b.E.<init>(E.java:9)

Caused by: java.net.SocketException: y
\t... 12 more"""

JAVA_LONG_MESSAGES = """\
com.fasterxml.jackson.databind.JsonMappingException: Unrecognized field
second line of the message
 at [Source: (String)"x"; line: 1, column: 2]
\tat a.b.C.m(C.java:1)
Caused by: org.X$YException: first
 detail of it
\tat q.R.s(R.java:4)
\t... 3 common frames omitted"""

PYTHON_CHAIN = """\
Traceback (most recent call last):
  File "a.py", line 3, in f
    g()
    ~^^
  File "a.py", line 9, in g
    raise KeyError(1)
KeyError: 1

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 5, in <module>
    f()
  [Previous line repeated 996 more times]
a.b.MyError: bad

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "a.py", line 7, in <module>
RuntimeError"""

PYTHON_GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 3, in <module>
  |     raise ExceptionGroup("x", [ValueError(1)])
  | ExceptionGroup: x (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "a.py", line 1, in <module>
    | ValueError: 1
    +---------------- 2 ----------------
    | TypeError: 2
    +------------------------------------"""

GO_PANIC = """\
panic: boom [recovered]
\tpanic: boom again
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48]

goroutine 1 [running]:
main.f(0xc000, {0x1, 0x2})
\t/app/main.go:12 +0x1d
main.main()
\t/app/main.go:5 +0x1d

goroutine 18 [chan receive, 2 minutes]:
net/http.(*conn).serve(0xc0)
\t/usr/go/src/net/http/server.go:1 +0x1
created by net/http.(*Server).Serve in goroutine 1
\t/usr/go/src/net/http/server.go:2 +0x4db
exit status 2"""

GO_DEADLOCK = """\
fatal error: all goroutines are asleep - deadlock!

goroutine 1 [chan send]:
main.main()
\t/app/main.go:6 +0x28"""

NODE_UNCAUGHT = """\
/app/index.js:3
    throw new Error("boom");
    ^

Error: boom
    at Object.<anonymous> (/app/index.js:3:11)
    at Module._compile (node:internal/modules/cjs/loader:1105:14)
    at async Promise.all (index 0) {
  code: 'ENOENT',
  errno: -2,
  [cause]: Error: inner
      at foo (/app/x.js:1:2)
}

Node.js v18.12.1"""

NODE_LOGGED = """\
TypeError [ERR_X]: bad thing
    at foo (/app/x.js:1:2)
    at new Promise (<anonymous>)
    at /app/x.js:9:1"""

NODE_MODULE = """\
node:internal/modules/cjs/loader:1080
  throw err;
  ^

Error: Cannot find module 'x'
Require stack:
- /app/index.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1077:15)
    at node:internal/main/run_main_module:23:47 {
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/app/index.js' ]
}

Node.js v20.1.0"""

DOTNET = """\
Unhandled exception. System.InvalidOperationException: outer
 ---> System.ArgumentException: inner
   at A.B(String s) in /src/x.cs:line 1
   --- End of inner exception stack trace ---
   at A.C()
--- End of stack trace from previous location ---
   at A.<>c__DisplayClass1_0.<Main>b__0()"""

DOTNET_CONSOLE = """\
fail: Microsoft.AspNetCore.Server.Kestrel[13]
      Connection id "0H", Request id "1": An unhandled exception was thrown by the application.
      System.InvalidOperationException: boom
         at Program.<>c.<Main>b__0_0() in /src/Program.cs:line 9"""

RUBY = """\
app.rb:3:in `foo': boom (RuntimeError)
\tfrom app.rb:7:in `block in bar'
\tfrom app.rb:9:in `<main>'"""

RUBY_HIGHLIGHT = """\
t.rb:1:in 'Object#foo': undefined method 'x' for nil (NoMethodError)

nil.foo
   ^^^^
\tfrom t.rb:2:in '<main>'"""

PHP = """\
PHP Fatal error:  Uncaught Exception: boom in /a.php:3
Stack trace:
#0 /a.php(7): foo()
#1 {main}

Next RuntimeException: outer in /a.php:5
Stack trace:
#0 {main}
  thrown in /a.php on line 5"""

RUST_PANIC = """\
thread 'main' panicked at src/main.rs:2:5:
assertion `left == right` failed
  left: 1
 right: 2
stack backtrace:
   0: rust_begin_unwind
             at /rustc/90c5/library/std/src/panicking.rs:652:5
   1: main::main
             at ./src/main.rs:2:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace."""

RUST_OLD_PANIC = """\
thread 'main' panicked at 'boom', src/main.rs:2:5
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"""

RUST_CAUSES = """\
Error: could not start

Caused by:
    0: opening config
    1: No such file or directory (os error 2)

Stack backtrace:
   0: anyhow::error
             at /x.rs:1"""

RUBY_LOGGED = """\
E, [2026-01-01T00:00:00.1 #1] ERROR -- : boom (RuntimeError)
app.rb:3:in `foo'
app.rb:7:in `<main>'"""

PYTHON_REMOTE = '''\
multiprocessing.pool.RemoteTraceback:
"""
Traceback (most recent call last):
  File "pool.py", line 125, in worker
ValueError: x
"""

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "a.py", line 1, in <module>
ValueError: x'''

LARAVEL = """\
[2026-01-01 00:00:00] prod.ERROR: boom {"exception":"[object] (Exception(code: 0): boom at /a.php:3)
[stacktrace]
#0 /a.php(7): foo()
#1 {main}
"}"""

JAVA_UNCAUGHT = """\
Exception in thread "main" java.lang.Error: boom
\tat a.B.main(B.java:1)"""

TRACES = {name: text for name, text in dict(globals()).items() if name.isupper() and isinstance(text, str)}
