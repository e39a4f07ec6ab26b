# One task of a peer in R: peers.R TASK FOLDER REPEATS ENOUGH. Reports as measuring/worker.py does.
arguments <- commandArgs(trailingOnly = TRUE)
task <- arguments[1]
folder <- arguments[2]
repeats <- as.integer(arguments[3])
enough <- as.numeric(arguments[4])

say <- function(word, ...) {
  cat(word, ..., "\n")
  flush(stdout())
}
answer <- function(name, values) say("answer", name, sprintf("%.17g", values))
unavailable <- function(...) {
  say("unavailable", ...)
  quit(save = "no")
}
column <- function(name, n = 1e9) {
  path <- file.path(folder, paste0(name, ".bin"))
  readBin(path, "double", n = min(n, file.size(path) / 8))
}
read_arrays <- function() {
  size <- column("size")
  X <- matrix(column("X"), nrow = size[1], dimnames = list(NULL, paste0("x", seq_len(size[2]))))
  list(
    X = X, time = column("time"), event = column("event"),
    score = column("score"), treated = column("treated"), width = size[3]
  )
}
first_rows <- function(a, n) {
  rows <- seq_len(min(n, length(a$time)))
  list(
    X = a$X[rows, , drop = FALSE], time = a$time[rows], event = a$event[rows],
    score = a$score[rows], treated = a$treated[rows], width = a$width
  )
}

# Each takes the arrays, prepares, and returns the call that is timed; that returns its answers.
tasks <- list(
  cox = function(a) {
    library(survival)
    function() {
      fit <- coxph(Surv(a$time, a$event) ~ a$X, ties = "efron")
      list(coef = coef(fit), se = sqrt(diag(vcov(fit))))
    }
  },
  # without formula, model frame and concordance: the bare fit, which R's users do not call
  cox_bare = function(a) {
    library(survival)
    y <- Surv(a$time, a$event)
    names <- as.character(seq_along(a$time))
    function() {
      fit <- coxph.fit(
        a$X, y, NULL, NULL, NULL, coxph.control(), NULL, "efron", names,
        resid = FALSE
      )
      list(coef = fit$coefficients)
    }
  },
  glm = function(a) {
    data <- data.frame(a$X, treated = a$treated)
    function() {
      fit <- glm(treated ~ ., family = binomial, data = data)
      list(coef = coef(fit))
    }
  },
  matchit = function(a) {
    if (!requireNamespace("MatchIt", quietly = TRUE)) unavailable("not installed")
    version <- packageVersion("MatchIt")
    if (version < "4.7") unavailable("MatchIt", as.character(version), "ignores calipers: not run")
    data <- data.frame(x1 = a$X[, 1], treated = a$treated)
    function() {
      found <- MatchIt::matchit(
        treated ~ x1,
        data = data, method = "nearest", distance = a$score,
        caliper = a$width, std.caliper = FALSE, m.order = "largest"
      )
      list(pairs = sum(!is.na(found$match.matrix)))
    }
  },
  kaplan_meier = function(a) {
    library(survival)
    function() {
      y <- Surv(a$time, a$event)
      curves <- survfit(y ~ a$treated, conf.type = "plain")
      test <- survdiff(y ~ a$treated)
      last <- cumsum(curves$strata)
      list(
        chisq = test$chisq, survival = curves$surv[last],
        std_error = (curves$surv * curves$std.err)[last]
      )
    }
  }
)

# The matched analysis of a cohort, and bootstrap samples of it, as a user of R would write them.
greedy <- function(score, treated, width) {
  # as replica: by score, then by row; the nearest free control below and above, the one below
  # if both are as near
  row_at <- order(score, seq_along(score))
  place <- order(row_at)
  free <- treated[row_at] == 0
  pair <- integer(length(score))
  for (row in which(treated == 1)) {
    left <- which(free[seq_len(place[row])])
    right <- which(free[place[row]:length(free)])
    near <- c(if (length(left)) left[length(left)], if (length(right)) place[row] - 1 + right[1])
    gap <- abs(score[row_at[near]] - score[row])
    if (length(near) && min(gap) <= width) {
      taken <- near[which.min(gap)]
      free[taken] <- FALSE
      pair[c(row, row_at[taken])] <- row
    }
  }
  pair
}
analyse <- function(a, rows) {
  X <- a$X[rows, , drop = FALSE]
  treated <- a$treated[rows]
  score <- fitted(glm(treated ~ X, family = binomial))
  pair <- greedy(score, treated, a$width)
  kept <- pair > 0
  time <- a$time[rows][kept]
  event <- a$event[rows][kept]
  arm <- treated[kept]
  pair <- pair[kept]
  fit <- survival::coxph(
    survival::Surv(time, event) ~ arm,
    cluster = pair,
    ties = if (a$ties == 1) "efron" else "breslow"
  )
  c(coef(fit), sqrt(fit$var[1, 1]), length(arm) / 2)
}
tasks$bootstrap <- function(a) {
  suppressPackageStartupMessages(library(survival))
  a$ties <- column("ties")
  draws <- column("draws")[1]
  function() {
    original <- analyse(a, seq_along(a$time))
    for (draw in seq_len(draws)) {
      suppressWarnings(analyse(a, sort(sample.int(length(a$time), replace = TRUE))))
    }
    list(log_hazard_ratio = original[1], se = original[2], pairs = original[3])
  }
}

if (task == "versions") {
  blas <- tryCatch(basename(extSoftVersion()[["BLAS"]]), error = function(e) "unknown")
  say("R", as.character(getRversion()))
  say("survival", as.character(packageVersion("survival")))
  say("R's_BLAS", blas)
  if (requireNamespace("MatchIt", quietly = TRUE)) {
    say("MatchIt", as.character(packageVersion("MatchIt")))
  }
  quit(save = "no")
}

set.seed(1)
given <- read_arrays()
if (task != "bootstrap") invisible(tasks[[task]](first_rows(given, 2000))())
call <- tasks[[task]](given)
spent <- 0
for (turn in seq_len(repeats)) {
  invisible(gc())
  began <- Sys.time()
  found <- call()
  seconds <- as.numeric(difftime(Sys.time(), began, units = "secs"))
  say("seconds", sprintf("%.6f", seconds))
  if (turn == 1) for (name in names(found)) answer(name, unname(found[[name]]))
  spent <- spent + seconds
  if (spent > enough) break
}
